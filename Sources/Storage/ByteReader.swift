import Foundation

/// An open file or pipe that is read forwards.
public struct ByteReader: ~Copyable {
  public let path: String
  private let descriptor: Int32

  /// - Throws: `StorageError`: `.missing` if nothing is at `path`, `.failed` if it cannot be opened.
  public init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw StorageError.system(path, "cannot be opened", errno: errno)
    }
  }

  deinit {
    _ = close(descriptor)
  }

  /// Fills `buffer` and returns the number of bytes read, which is smaller than the buffer only at the end of the file.
  ///
  /// - Throws: `StorageError.failed`.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var filled = 0
    while filled < buffer.count {
      let remainder = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = Foundation.read(descriptor, remainder.baseAddress, remainder.count)
      if count == 0 { break }
      if count > 0 {
        filled += count
      } else if errno != EINTR {
        throw StorageError.system(path, "cannot be read", errno: errno)
      }
    }
    return filled
  }

  /// Reads `count` bytes from `position` on; nil if the file ends before.
  ///
  /// - Throws: `StorageError.failed`.
  func bytes(at position: Int, count: Int) throws -> [UInt8]? {
    guard lseek(descriptor, off_t(position), SEEK_SET) == off_t(position) else { return nil }
    let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = try read(
        into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
    }
    return bytes.count == count ? bytes : nil
  }

  /// Reads all bytes of a file or a pipe.
  ///
  /// - Throws: `StorageError`: `.missing`; `.damaged` if ``FileSignature`` recognizes the first bytes; `.failed`.
  public static func contents(of path: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try BlockReader(path).forEachBlock { bytes.append(contentsOf: $0) }
    return bytes
  }
}
