import Foundation

/// A file that grows at its end, with nothing held back: what was appended is with the system.
///
/// What a full disk does not take is kept, and written before anything else as soon as there is room.
public final class AppendingFile {
  public let path: String
  private let name: String
  private let descriptor: Int32
  /// What could not be written yet.
  private var unwritten: [UInt8] = []

  /// Opens a file, or makes one.
  ///
  /// - Parameter name: what errors call the file; its path where that is nil.
  /// - Throws: `StorageError.failed`.
  public init(_ path: String, reportedAs name: String? = nil) throws {
    self.path = path
    self.name = name ?? path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw unwritable }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// - Throws: `StorageError.failed` where not all could be written; the rest is kept.
  public func append(_ bytes: [UInt8]) throws {
    unwritten += bytes
    try flush()
  }

  /// Has all that was appended on the disk.
  ///
  /// - Throws: `StorageError.failed`.
  public func sync() throws {
    try flush()
    // What is no file has no disk: EINVAL.
    if fsync(descriptor) != 0 && errno != EINVAL { throw unwritable }
  }

  private func flush() throws {
    var written = 0
    defer { unwritten.removeFirst(written) }
    while written < unwritten.count {
      let count = unwritten[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw unwritable }
      written += count
    }
  }

  /// The error of the system call that has just failed.
  private var unwritable: StorageError {
    StorageError(.failed, name, "cannot be written: \(StorageError.text(of: errno))")
  }
}
