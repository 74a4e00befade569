import Foundation

/// A file that is written from the beginning.
public struct ByteWriter: ~Copyable {
  public let path: String
  private let descriptor: Int32
  /// The number of bytes written.
  public private(set) var count = 0

  /// Truncates or creates the file.
  ///
  /// - Throws: `StorageError.failed`.
  public init(emptying path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw StorageError(.failed, path, "cannot be written: \(StorageError.text(of: errno))")
    }
  }

  deinit {
    _ = close(descriptor)
  }

  /// - Throws: `StorageError.failed`.
  public mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    try WholeFile.writeAll(bytes, to: descriptor, at: count, path)
    count += bytes.count
  }
}
