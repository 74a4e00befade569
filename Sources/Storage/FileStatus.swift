import Foundation

/// The status of a file in the file system.
public struct FileStatus: Sendable, Equatable {
  /// In bytes; 0 for a pipe.
  public var size: Int
  public var isRegularFile: Bool
  public var isFolder: Bool
  /// The device and the inode. Paths with the same values name the same file.
  public var device: UInt64
  public var file: UInt64
  /// The times of the last change of the content and of the status, in nanoseconds since 1970.
  public var modified: Int
  public var changed: Int

  /// The status of the file at `path`, following symbolic links.
  ///
  /// - Throws: `StorageError`, `.missing` if nothing is there.
  public init(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw StorageError.system(path, "cannot be examined", errno: errno)
    }
    self.init(status)
  }

  /// The status of an open file, even if it was renamed.
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

  /// Whether something exists at a path.
  ///
  /// - Throws: `StorageError.failed` if this cannot be determined, for example without permission to search the folder.
  public static func exists(_ path: String) throws -> Bool {
    if access(path, F_OK) == 0 { return true }
    if errno == ENOENT || errno == ENOTDIR { return false }
    throw StorageError.system(path, "cannot be examined", errno: errno)
  }

  /// Whether both are the status of the same file.
  public func isSameFile(as other: FileStatus) -> Bool { device == other.device && file == other.file }

  /// The status of a file that must be regular and not empty.
  ///
  /// - Throws: `StorageError`: `.missing` if nothing is there; `.damaged` for a folder, a device, an empty file, and a file
  ///   that ``FileSignature`` recognizes; `.failed` if it cannot be opened.
  static func ofContent(_ path: String) throws -> FileStatus {
    let status = try FileStatus(path)
    if status.isFolder {
      throw StorageError(.damaged, path, "is a folder, not a file")
    }
    guard status.isRegularFile else {
      throw StorageError(.damaged, path, "is not a regular file")
    }
    guard status.size > 0 else {
      throw StorageError(.damaged, path, "is empty: its writer was interrupted, or the disk was full; create it again")
    }
    try FileSignature.refuse(path)
    return status
  }
}

extension timespec {
  fileprivate var nanoseconds: Int { Int(tv_sec) &* 1_000_000_000 &+ Int(tv_nsec) }
}
