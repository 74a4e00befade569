import CFileSystem
import Foundation

/// Room on a disk, asked for before it is needed.
public enum DiskSpace {
  /// The bytes that may still be written to the file system of a folder; nil where it does not say.
  public static func available(in folder: String) -> Int? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
    return overflow ? .max : bytes
  }

  /// Has the file system put so many bytes aside for a file, whose size stays as it is: a full disk, or a quota, is met
  /// now and not in the middle of writing. File systems that cannot do this do nothing.
  ///
  /// - Throws: `StorageError.failed` where there is no room.
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
