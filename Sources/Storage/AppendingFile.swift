import Foundation

/// A file that grows at its end, with nothing held back: what was appended is with the system.
public final class AppendingFile {
  public let path: String
  private let name: String
  private let descriptor: Int32

  /// Opens a file, or makes one.
  ///
  /// - Parameter name: what errors call the file; its path where that is nil.
  /// - Throws: `StorageError.failed`.
  public init(_ path: String, reportedAs name: String? = nil) throws {
    self.path = path
    self.name = name ?? path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw AppendingFile.unwritable(self.name, errno) }
  }

  deinit { close(descriptor) }

  /// - Throws: `StorageError.failed`; part of the bytes may then stand in the file.
  public func append(_ bytes: [UInt8]) throws {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw AppendingFile.unwritable(name, errno) }
      written += count
    }
  }

  private static func unwritable(_ path: String, _ number: Int32) -> StorageError {
    StorageError(.failed, path, "cannot be written: \(StorageError.text(of: number))")
  }
}
