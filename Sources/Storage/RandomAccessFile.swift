import Foundation

/// A regular file that can be read at any position.
public final class RandomAccessFile: Sendable {
  public let path: String
  /// The size in bytes when it was opened.
  public let size: Int
  private let descriptor: Int32

  /// - Throws: `StorageError`: `.missing` if nothing is there; `.failed` for a folder, a pipe or a device, and if it cannot
  ///   be opened; `.damaged` for a file that ``FileSignature`` recognizes.
  public init(_ path: String) throws {
    let status = try FileStatus(path)
    guard status.isRegularFile else {
      throw StorageError(.failed, path, "is \(status.isFolder ? "a folder" : "not a regular file"); name a file")
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError.system(path, "cannot be opened", errno: errno) }
    self.path = path
    size = status.size
    self.descriptor = descriptor
    try FileSignature.refuse(path, openedAs: descriptor)
  }

  deinit {
    _ = close(descriptor)
  }

  /// Fills `buffer` with the bytes from `position` on.
  ///
  /// - Throws: `StorageError`: `.damaged` if the file does not have them, `.failed`.
  public func read(at position: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    guard position >= 0, position <= size, buffer.count <= size - position else {
      throw tooShort(position, buffer.count)
    }
    var filled = 0
    while filled < buffer.count {
      let remainder = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = pread(descriptor, remainder.baseAddress, remainder.count, off_t(position + filled))
      if count > 0 {
        filled += count
      } else if count == 0 {
        // The file was truncated after it was opened.
        throw tooShort(position, buffer.count)
      } else if errno != EINTR {
        throw StorageError.system(path, "cannot be read", errno: errno)
      }
    }
  }

  /// The `count` bytes from `position` on. Allocates nothing if the file does not have them.
  ///
  /// - Throws: `StorageError`: `.damaged` if the file does not have them, `.failed`.
  public func bytes(at position: Int, count: Int) throws -> [UInt8] {
    guard position >= 0, count >= 0, position <= size, count <= size - position else { throw tooShort(position, count) }
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(
        at: position, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
      initialized = count
    }
  }

  private func tooShort(_ position: Int, _ count: Int) -> StorageError {
    StorageError(
      .damaged, path, "ends early: it has \(size) bytes, but \(count) are needed from byte \(position) on")
  }
}
