import Foundation

/// A file to append to, without buffering: appended bytes are passed to the system at once.
///
/// Bytes that cannot be written, for example because the disk is full, are kept and written first by the next append.
public final class AppendingFile {
  public let path: String
  private let name: String
  private let descriptor: Int32
  /// Bytes that could not be written yet.
  private var unwritten: [UInt8] = []

  /// Opens or creates a file.
  ///
  /// - Parameter name: the name of the file in errors; nil for its path.
  /// - Throws: `StorageError.failed`.
  public init(_ path: String, reportedAs name: String? = nil) throws {
    self.path = path
    self.name = name ?? path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw unwritable }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// - Throws: `StorageError.failed` if not all bytes could be written; the rest is kept.
  public func append(_ bytes: [UInt8]) throws {
    unwritten += bytes
    try flush()
  }

  /// Flushes all appended bytes to the disk.
  ///
  /// - Throws: `StorageError.failed`.
  public func sync() throws {
    try flush()
    // A pipe or a device cannot be synced: EINVAL.
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

  /// The error of the last system call.
  private var unwritable: StorageError {
    StorageError(.failed, name, "cannot be written: \(StorageError.text(of: errno))")
  }
}
