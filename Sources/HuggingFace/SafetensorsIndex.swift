import Foundation
import JSON
import Storage

/// `model.safetensors.index.json`: which file of a folder each tensor is in.
struct SafetensorsIndex {
  /// The one file that holds all tensors where there is no index.
  static let wholeName = "model.safetensors"

  /// In the order in which the index names them first.
  let fileNames: [String]
  private let path: String
  private let entries: [(tensor: String, file: String)]

  /// Reads a folder's index; nil where all tensors are in one file.
  ///
  /// - Throws: `StorageError`: `.missing` where the folder has no weights, `.damaged` for what is no index, and where
  ///   there is both one whole file and an index of others.
  init?(in folder: URL) throws {
    path = folder.appendingPathComponent(Self.wholeName + ".index.json").path
    let hasWhole = try FileStatus.exists(folder.appendingPathComponent(Self.wholeName).path)
    guard try FileStatus.exists(path) else {
      if hasWhole { return nil }
      throw StorageError(.missing, folder.path, "has neither \(Self.wholeName) nor \(Self.wholeName).index.json")
    }
    let json = try JSONValue(contentsOf: path)
    guard let map = json["weight_map"]?.object else {
      throw StorageError(.damaged, path, "has no weight_map, which says which file a tensor is in")
    }
    var (names, entries) = ([String](), [(tensor: String, file: String)]())
    var known: Set<String> = []
    for field in map.fields {
      guard let name = field.value.string, !name.isEmpty, !name.contains("/"), !name.utf8.contains(0) else {
        throw StorageError(
          .damaged, path, "says that \(field.name) is in \(field.value.described), expected a file's name")
      }
      if known.insert(name).inserted { names.append(name) }
      entries.append((field.name, name))
    }
    if hasWhole, names != [Self.wholeName] {
      throw StorageError(
        .damaged, path,
        "names \(names.first ?? "no file"), but \(Self.wholeName) is there too, and may hold other weights; move one of "
          + "the two away")
    }
    fileNames = names
    self.entries = entries
  }

  /// Checks that every tensor is where the index says.
  ///
  /// - Parameter places: the number in ``fileNames`` of the file that each tensor is in.
  /// - Throws: `StorageError.damaged`, naming the tensor and both files.
  func compare(with places: [String: Int]) throws {
    for (tensor, file) in entries {
      let found = places[tensor].map { fileNames[$0] }
      if found == file { continue }
      throw StorageError(
        .damaged, path,
        "says that \(tensor) is in \(file), and it is in \(found ?? "none of the files"): the files are not of one "
          + "model, or one was saved anew; get all of them again")
    }
  }
}
