import CFileSystem
import Foundation

/// Folders that files are in.
public enum Folder {
  /// The names of what is in a folder, sorted, `.` and `..` left out.
  ///
  /// - Throws: `StorageError`: `.missing` where there is no such folder; `.failed` with the system's reason where it
  ///   cannot be read, in full: a part of the names must not pass for all of them.
  public static func names(in path: String) throws -> [String] {
    guard let folder = opendir(path) else {
      throw StorageError.system(path, "the folder cannot be listed", errno: errno)
    }
    defer { closedir(folder) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    if errno != 0 { throw StorageError.system(path, "the folder cannot be listed", errno: errno) }
    return names.sorted()
  }

  /// As `names(in:)`, but none where there is no such folder.
  ///
  /// - Throws: `StorageError.failed`.
  public static func namesIfThere(in path: String) throws -> [String] {
    do {
      return try names(in: path)
    } catch let error as StorageError where error.kind == .missing {
      return []
    }
  }

  /// Gives a file another name, its own with a suffix: the first of `.suffix`, `.suffix-2`, `.suffix-3`, … that nothing
  /// has. Nothing is overwritten.
  ///
  /// - Returns: the new path.
  /// - Throws: `StorageError`.
  public static func setAside(_ path: String, suffix: String) throws -> String {
    for number in 1... {
      let name = path + suffix + (number == 1 ? "" : "-\(number)")
      if phd_rename_to_free_name(path, name) == 0 { return name }
      if errno != EEXIST { throw StorageError.system(path, "cannot be given the name \(name)", errno: errno) }
    }
    preconditionFailure("no name is free")
  }

  /// Makes a folder, and those on the way to it, where they are not there.
  ///
  /// - Throws: `StorageError.failed`.
  public static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw StorageError(.failed, path, "the folder cannot be made: \(error.localizedDescription)")
    }
  }
}
