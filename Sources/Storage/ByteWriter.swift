import Foundation

/// A file written from its beginning to its end.
public struct ByteWriter: ~Copyable {
  public let path: String
  private let descriptor: Int32
  /// In bytes.
  public private(set) var count = 0

  /// Empties the file, or makes it.
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
