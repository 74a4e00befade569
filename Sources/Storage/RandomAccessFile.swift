import Foundation

/// A regular file that is read at any place.
public final class RandomAccessFile: Sendable {
  public let path: String
  /// In bytes, when it was opened.
  public let size: Int
  private let descriptor: Int32

  /// - Throws: `StorageError`, `.missing` where there is nothing, `.failed` for a folder, a pipe or a device, and where
  ///   it cannot be opened; `.damaged` for what ``FileSignature`` recognises.
  public init(_ path: String) throws {
    let status = try FileStatus(path)
    guard status.isRegularFile else {
      throw StorageError(.failed, path, "is \(status.isFolder ? "a folder" : "no regular file"); name a file")
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
  /// - Throws: `StorageError`, `.damaged` where the file has not got them, `.failed`.
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
        // It was cut after it was opened.
        throw tooShort(position, buffer.count)
      } else if errno != EINTR {
        throw StorageError.system(path, "cannot be read", errno: errno)
      }
    }
  }

  /// The `count` bytes from `position` on. Nothing is allocated for bytes that the file has not got.
  ///
  /// - Throws: `StorageError`, `.damaged` where the file has not got them, `.failed`.
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
      .damaged, path, "ends early: it has \(size) bytes, and \(count) are needed from byte \(position) on")
  }
}
