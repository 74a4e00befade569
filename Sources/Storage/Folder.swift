import CFileSystem
import Foundation
import Text

/// Folders that files are in.
public enum Folder {
  /// What happens to a name that is not UTF-8.
  public enum OtherNames {
    /// It is an error.
    case refused
    /// It is skipped: this program writes no such names.
    case ignored
  }

  /// The names of what is in a folder, sorted by their bytes, `.` and `..` left out.
  ///
  /// - Throws: `StorageError`: `.missing` where there is no such folder; `.failed` with the system's reason where it
  ///   cannot be read in full: a part of the names must not pass for all of them; `.failed` for a name that is not UTF-8,
  ///   where these are refused.
  public static func names(in path: String, otherNames: OtherNames = .refused) throws -> [String] {
    guard let folder = opendir(path) else {
      throw StorageError.system(path, "the folder cannot be listed", errno: errno)
    }
    defer { closedir(folder) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(folder) else {
        if errno != 0 { throw StorageError.system(path, "the folder cannot be listed", errno: errno) }
        break
      }
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard let name = String(validating: bytes, as: UTF8.self) else {
        if otherNames == .ignored { continue }
        throw StorageError(.failed, path, "holds a file whose name is not UTF-8, \"\(escaped(bytes))\"; rename that")
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// As `names(in:)`, but none where there is no such folder.
  ///
  /// - Throws: `StorageError.failed`.
  public static func namesIfThere(in path: String, otherNames: OtherNames = .refused) throws -> [String] {
    do {
      return try names(in: path, otherNames: otherNames)
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
