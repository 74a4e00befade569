import Foundation

/// What the file system says about a path.
public struct FileStatus: Sendable, Equatable {
  /// In bytes; 0 for what has no size, such as a pipe.
  public var size: Int
  public var isRegularFile: Bool
  public var isFolder: Bool
  /// Device and file number: two paths that agree in both are one file.
  public var device: UInt64
  public var file: UInt64
  /// When its content, and when anything about it, was changed last: nanoseconds since 1970.
  public var modified: Int
  public var changed: Int

  /// The status of the file at `path`, symbolic links followed.
  ///
  /// - Throws: `StorageError`, `.missing` where there is nothing.
  public init(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw StorageError.system(path, "cannot be examined", errno: errno)
    }
    self.init(status)
  }

  /// The status of an open file, whatever its name is by now.
  ///
  /// - Parameter path: for messages.
  /// - Throws: `StorageError.failed`.
  init(descriptor: Int32, _ path: String) throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw StorageError.system(path, "cannot be examined", errno: errno)
    }
    self.init(status)
  }

  private init(_ status: stat) {
    size = Int(status.st_size)
    isRegularFile = status.st_mode & S_IFMT == S_IFREG
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    device = UInt64(status.st_dev)
    file = UInt64(status.st_ino)
    modified = status.st_mtim.nanoseconds
    changed = status.st_ctim.nanoseconds
  }

  /// Whether there is something under that path.
  ///
  /// - Throws: `StorageError.failed` where the system does not say: a folder that may not be searched, a loop of links.
  public static func exists(_ path: String) throws -> Bool {
    if access(path, F_OK) == 0 { return true }
    if errno == ENOENT || errno == ENOTDIR { return false }
    throw StorageError.system(path, "cannot be examined", errno: errno)
  }

  /// Whether two paths name the same file: two names of it, or one under two folders' names.
  public func isSameFile(as other: FileStatus) -> Bool { device == other.device && file == other.file }

  /// The status of a file that must be a regular one with something in it.
  ///
  /// - Throws: `StorageError`, `.missing` where there is nothing, `.damaged` for a folder, a device, an empty file, and
  ///   for what ``FileSignature`` recognises; `.failed` where it cannot be opened.
  static func ofContent(_ path: String) throws -> FileStatus {
    let status = try FileStatus(path)
    if status.isFolder {
      throw StorageError(.damaged, path, "is a folder, not a file")
    }
    guard status.isRegularFile else {
      throw StorageError(.damaged, path, "is not a regular file")
    }
    guard status.size > 0 else {
      throw StorageError(.damaged, path, "is empty: its writer was interrupted, or the disk was full; make it again")
    }
    try FileSignature.refuse(path)
    return status
  }
}

extension timespec {
  fileprivate var nanoseconds: Int { Int(tv_sec) &* 1_000_000_000 &+ Int(tv_nsec) }
}
