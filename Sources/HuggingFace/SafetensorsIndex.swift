import Foundation
import JSON
import Storage

/// `model.safetensors.index.json`: the file of each tensor.
struct SafetensorsIndex {
  /// The file that contains all tensors if there is no index.
  static let wholeName = "model.safetensors"

  /// In the order of their first occurrence in the index.
  let fileNames: [String]
  private let path: String
  private let entries: [(tensor: String, file: String)]

  /// Reads a folder's index; nil if all tensors are in one file.
  ///
  /// - Throws: `StorageError`: `.missing` if the folder has no weights, `.damaged` for an invalid index, and if there are
  ///   both a single file and an index of other files.
  init?(in folder: URL) throws {
    path = folder.appendingPathComponent(Self.wholeName + ".index.json").path
    let hasWhole = try FileStatus.exists(folder.appendingPathComponent(Self.wholeName).path)
    guard try FileStatus.exists(path) else {
      if hasWhole { return nil }
      throw StorageError(.missing, folder.path, "has neither \(Self.wholeName) nor \(Self.wholeName).index.json")
    }
    let json = try JSONValue(contentsOf: path)
    guard let map = json["weight_map"]?.object else {
      throw StorageError(.damaged, path, "has no \"weight_map\" with the file of each tensor")
    }
    var (names, entries) = ([String](), [(tensor: String, file: String)]())
    var known: Set<String> = []
    for field in map.fields {
      guard let name = field.value.string, !name.isEmpty, !name.contains("/"), !name.utf8.contains(0) else {
        throw StorageError(
          .damaged, path, "has \(field.value.described) as the file of \(field.name), expected a file's name")
      }
      if known.insert(name).inserted { names.append(name) }
      entries.append((field.name, name))
    }
    if hasWhole, names != [Self.wholeName] {
      throw StorageError(
        .damaged, path,
        "lists \(names.first ?? "no file"), but there is also \(Self.wholeName), which may contain other weights: remove "
          + "one of the two")
    }
    fileNames = names
    self.entries = entries
  }

  /// Checks that every tensor is in the file that the index lists.
  ///
  /// - Parameter fileIndices: the index in ``fileNames`` of each tensor's file.
  /// - Throws: `StorageError.damaged` with the tensor and both files.
  func compare(with fileIndices: [String: Int]) throws {
    for (tensor, file) in entries {
      let found = fileIndices[tensor].map { fileNames[$0] }
      if found == file { continue }
      throw StorageError(
        .damaged, path,
        "lists \(tensor) in \(file), but it is in \(found ?? "none of the files"): the files do not belong together; "
          + "download or export all of them again")
    }
  }
}
