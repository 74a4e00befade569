import Foundation

/// A file read from its beginning to its end, block by block.
public struct ByteReader: ~Copyable {
  /// How much is read at once where nobody says otherwise.
  public static let blockBytes = 1 << 20

  public let path: String
  private let descriptor: Int32

  /// - Throws: `StorageError`, `.missing` where there is nothing, `.failed` where it cannot be opened.
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

  /// Fills `buffer` as far as the file goes and returns how many bytes were read: fewer than asked for only at the end.
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

  /// All bytes of a file, or of a pipe.
  ///
  /// - Throws: `StorageError`: `.missing` where there is nothing, else `.failed` with the system's reason.
  public static func contents(of path: String) throws -> [UInt8] {
    let reader = try ByteReader(path)
    var bytes: [UInt8] = []
    try reader.forEachBlock { bytes.append(contentsOf: $0) }
    return bytes
  }

  /// Reads exactly `count` bytes from `position` on; nil where the file has not got them.
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

  /// Calls `body` with one block after another, each full but the last, until the file ends.
  ///
  /// - Throws: `StorageError.failed`; `.damaged` for what ``FileSignature`` recognises, before `body` sees any of it;
  ///   what `body` throws.
  public func forEachBlock(
    of blockBytes: Int = ByteReader.blockBytes, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: blockBytes, alignment: 64)
    defer { block.deallocate() }
    var isFirst = true
    while true {
      let count = try read(into: block)
      if isFirst { try FileSignature.refuse(path, beginning: block[..<min(count, FileSignature.byteCount)]) }
      isFirst = false
      if count > 0 { try body(UnsafeRawBufferPointer(rebasing: block[..<count])) }
      if count < blockBytes { return }
    }
  }
}
