import Foundation
import JSON
import Storage
import Transformer

/// A model of Hugging Face's: a folder with `config.json` and `model.safetensors`, or with several such files and
/// `model.safetensors.index.json`, which says what is in which.
public struct PretrainedModel: Sendable {
  public let description: ModelDescription
  public let layout: ParameterLayout
  /// Where the folder's tokenizer is, if it has one.
  public let tokenizerPath: String

  private let files: [SafetensorsFile]
  /// Which file each tensor is in, by its name.
  private let places: [String: Int]

  /// Whether `path` names such a model, and no checkpoint: a folder, or a file called `.safetensors`.
  public static func isOne(_ path: String) -> Bool {
    path.hasSuffix(".safetensors") || ((try? FileStatus(path))?.isFolder ?? false)
  }

  /// Opens a model and compares every tensor with what its configuration says. No weight is read.
  ///
  /// - Parameter path: the folder, or a `.safetensors` file with `config.json` beside it.
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape.
  public init(_ path: String) throws {
    let isFolder = try FileStatus(path).isFolder
    let url = URL(fileURLWithPath: path)
    let folder = isFolder ? url : url.deletingLastPathComponent()
    let configuration = folder.appendingPathComponent("config.json")
    if try !FileStatus.exists(configuration.path) {
      throw StorageError(.missing, configuration.path, "there is no such file; it says what model \(path) is")
    }
    description = try ModelDescription(configuration.path)
    let layout = ParameterLayout(description.model)
    let names = isFolder ? try PretrainedModel.names(in: folder) : [url.lastPathComponent]
    let files = try names.map { try SafetensorsFile(folder.appendingPathComponent($0).path) }
    var places: [String: Int] = [:]
    for (index, file) in files.enumerated() {
      for tensor in file.tensors {
        if let other = places.updateValue(index, forKey: tensor.name) {
          throw StorageError(.damaged, file.path, "has \(tensor.name), which \(names[other]) has too")
        }
        try PretrainedModel.check(tensor, in: file, layout)
      }
    }
    if let absent = layout.tensors.first(where: { places[$0.name] == nil }) {
      throw StorageError(.damaged, path, "has no \(absent.name), which its config.json's model has")
    }
    self.layout = layout
    tokenizerPath = folder.appendingPathComponent("tokenizer.json").path
    self.files = files
    self.places = places
  }

  /// Reads some rows of a tensor (a norm's elements), widened to fp32.
  ///
  /// - Throws: `StorageError`.
  public func read(
    _ tensor: ParameterTensor, _ rows: Range<Int>, into floats: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard let file = places[tensor.name].map({ files[$0] }), let stored = file[tensor.name] else {
      preconditionFailure("\(tensor.name) is none of the model's")
    }
    let columns = tensor.isNorm ? 1 : tensor.shape[1]
    precondition(floats.count == rows.count * columns, "\(floats.count) floats for \(rows) of \(tensor)")
    try file.read(stored, from: rows.lowerBound * columns, into: floats)
  }

  /// The files of a folder that hold its weights.
  private static func names(in folder: URL) throws -> [String] {
    let whole = "model.safetensors"
    if try FileStatus.exists(folder.appendingPathComponent(whole).path) { return [whole] }
    let index = folder.appendingPathComponent(whole + ".index.json")
    guard try FileStatus.exists(index.path) else {
      throw StorageError(.missing, folder.path, "has neither \(whole) nor \(whole).index.json")
    }
    let json = try JSONValue(contentsOf: index.path)
    guard let map = json["weight_map"]?.object else {
      throw StorageError(.damaged, index.path, "has no weight_map, which says which file a tensor is in")
    }
    var names: [String] = []
    var known: Set<String> = []
    for field in map.fields {
      guard let name = field.value.string, !name.isEmpty, !name.contains("/"), !name.utf8.contains(0) else {
        throw StorageError(
          .damaged, index.path, "says that \(field.name) is in \(field.value.described), expected a file's name")
      }
      if known.insert(name).inserted { names.append(name) }
    }
    return names
  }

  private static func check(
    _ tensor: SafetensorsFile.Tensor, in file: SafetensorsFile, _ layout: ParameterLayout
  ) throws {
    guard let expected = layout[tensor.name] else {
      // What earlier versions stored beside the weights, and a head that is the embedding.
      let isKnown =
        tensor.name.hasSuffix("rotary_emb.inv_freq")
        || (tensor.name == "lm_head.weight" && layout.model.tieWordEmbeddings)
      if isKnown { return }
      throw StorageError(
        .damaged, file.path, "has \(tensor.name), which is no tensor of config.json's model")
    }
    guard tensor.shape == expected.shape else {
      throw StorageError(
        .damaged, file.path,
        "\(tensor.name) has the shape \(tensor.shape), by config.json it is \(expected.shape)")
    }
    if tensor.type == nil {
      throw StorageError(
        .damaged, file.path, "\(tensor.name) is of type \(tensor.typeName); F32, F16 and BF16 are read")
    }
  }
}
