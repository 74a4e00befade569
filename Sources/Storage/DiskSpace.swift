import CFileSystem
import Foundation

/// Checks and reserves disk space.
public enum DiskSpace {
  /// The free space of a folder's file system in bytes; nil if it is unknown.
  public static func available(in folder: String) -> Int? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
    return overflow ? .max : bytes
  }

  /// Reserves space for a file without changing its size, so that a full disk or a quota is an error now instead of during
  /// writing. Does nothing on file systems that do not support this.
  ///
  /// - Throws: `StorageError.failed` if there is not enough space.
  public static func reserve(_ bytes: Int, for path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError.system(path, "cannot be written", errno: errno) }
    defer { _ = close(descriptor) }
    while phd_reserve(descriptor, off_t(bytes)) != 0 {
      switch errno {
      case EINTR: continue
      case ENOSPC, EDQUOT: throw StorageError.system(path, "cannot be written", errno: errno)
      default: return
      }
    }
  }
}
