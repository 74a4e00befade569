import Foundation

/// Folders that files are written into.
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
}
