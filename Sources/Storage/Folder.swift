import Foundation
import Text

/// Folders, and what is in them.
public enum Folder {
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

  /// The names of what is in a folder, sorted by their bytes, `.` and `..` left out.
  ///
  /// - Throws: `StorageError`: `.missing`; `.failed` where the folder cannot be read, or a name in it is not UTF-8.
  public static func names(in path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw StorageError.system(path, "cannot be opened", errno: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(folder) else {
        if errno != 0 { throw StorageError.system(path, "cannot be read", errno: errno) }
        break
      }
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard let name = String(validating: bytes, as: UTF8.self) else {
        throw StorageError(.failed, path, "holds a file whose name is not UTF-8, \"\(escaped(bytes))\"; rename that")
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
