import CFileSystem
import Foundation
import Text

/// Lists and creates folders, and renames files within them.
public enum Folder {
  /// The treatment of names that are not UTF-8.
  public enum InvalidNames {
    /// They are an error.
    case refused
    /// They are skipped, because these programs write no such names.
    case ignored
  }

  /// The names of a folder's entries, sorted by their bytes, without `.` and `..`.
  ///
  /// - Throws: `StorageError`: `.missing` if the folder does not exist; `.failed` if it cannot be read completely, or if a
  ///   name is not UTF-8 and such names are refused.
  public static func names(in path: String, invalidNames: InvalidNames = .refused) throws -> [String] {
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
        if invalidNames == .ignored { continue }
        throw StorageError(.failed, path, "contains a file whose name is not UTF-8, \"\(escaped(bytes))\"; rename it")
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Like `names(in:)`, but returns no names if the folder does not exist.
  ///
  /// - Throws: `StorageError.failed`.
  public static func namesIfPresent(in path: String, invalidNames: InvalidNames = .refused) throws -> [String] {
    do {
      return try names(in: path, invalidNames: invalidNames)
    } catch let error as StorageError where error.kind == .missing {
      return []
    }
  }

  /// Renames a file by appending a suffix: the first of `suffix`, `suffix-2`, `suffix-3`, … whose name is free. Overwrites
  /// nothing.
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

  /// Creates a folder and its missing parents.
  ///
  /// - Throws: `StorageError.failed`.
  public static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw StorageError(.failed, path, "the folder cannot be created: \(error.localizedDescription)")
    }
  }
}
