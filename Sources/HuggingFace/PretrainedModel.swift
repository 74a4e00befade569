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
  /// What the user should know of the folder, a sentence each.
  public let notes: [String]

  private let files: [SafetensorsFile]
  /// Which file each tensor is in, by its name.
  private let places: [String: Int]

  /// Whether `path` names such a model, and no checkpoint: a folder, or a file called `.safetensors`.
  public static func isOne(_ path: String) -> Bool {
    path.hasSuffix(".safetensors") || ((try? FileStatus(path))?.isFolder ?? false)
  }

  /// Opens a model and compares every tensor with what its configuration and its index say. No weight is read but those
  /// of a head that is stored beside the embedding that it is tied to.
  ///
  /// - Parameter path: the folder, or a `.safetensors` file with `config.json` beside it.
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape, and where two places
  ///   say different things of one.
  public init(_ path: String) throws {
    let isFolder = try FileStatus(path).isFolder
    let url = URL(fileURLWithPath: path)
    let folder = isFolder ? url : url.deletingLastPathComponent()
    let configuration = folder.appendingPathComponent("config.json")
    if try !FileStatus.exists(configuration.path) {
      throw StorageError(.missing, configuration.path, "there is no such file; it says what model \(path) is")
    }
    let description = try ModelDescription(configuration.path)
    let layout = ParameterLayout(description.model)
    let index = isFolder ? try SafetensorsIndex(in: folder) : nil
    let names = index?.fileNames ?? [isFolder ? SafetensorsIndex.wholeName : url.lastPathComponent]
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
    try index?.compare(with: places)
    if let absent = layout.tensors.first(where: { places[$0.name] == nil }) {
      let advice =
        absent.name == PretrainedModel.headName
        ? "; where the embedding is the head's weight too, config.json must have \"tie_word_embeddings\": true" : ""
      throw StorageError(.damaged, path, "has no \(absent.name), which its config.json's model has\(advice)")
    }
    if description.model.tieWordEmbeddings {
      try PretrainedModel.requireEqualHead(
        [PretrainedModel.headName, PretrainedModel.embeddingName].map { name in places[name].map { files[$0] } },
        configuration.path)
    }
    let ends = try PretrainedModel.endOfText(in: folder, description)
    self.description = description.ending(at: ends.tokens)
    notes = ends.note.map { [$0] } ?? []
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

  /// XXH3-128 over all bytes of its safetensors files, in their order: 32 hexadecimal digits.
  ///
  /// - Throws: `StorageError`.
  public func digest() throws -> String { try SealedFile.digest(of: files.map(\.path)) }

  private static let headName = "lm_head.weight"
  private static let embeddingName = "model.embed_tokens.weight"

  /// Refuses a head that is tied to the embedding, and stored with other weights: one of the two is not meant.
  /// `transformers` 4 takes the embedding, 5 the stored head.
  ///
  /// - Parameter files: those that the head and the embedding are in.
  private static func requireEqualHead(_ files: [SafetensorsFile?], _ configuration: String) throws {
    guard let file = files[0], let other = files[1], let head = file[headName], let embedding = other[embeddingName]
    else { return }
    let atOnce = 1 << 18
    let floats = [0, 1].map { _ in UnsafeMutableBufferPointer<Float>.allocate(capacity: atOnce) }
    defer { for buffer in floats { buffer.deallocate() } }
    for first in stride(from: 0, to: head.elementCount, by: atOnce) {
      let parts = floats.map { UnsafeMutableBufferPointer(rebasing: $0[..<min(atOnce, head.elementCount - first)]) }
      try file.read(head, from: first, into: parts[0])
      try other.read(embedding, from: first, into: parts[1])
      guard let place = parts[0].indices.first(where: { parts[0][$0].bitPattern != parts[1][$0].bitPattern }) else {
        continue
      }
      throw StorageError(
        .damaged, configuration,
        "has \"tie_word_embeddings\": true, but \(headName) is stored and is not \(embeddingName): element "
          + "\(first + place) is \(parts[0][place]) and \(parts[1][place]). Set tie_word_embeddings to false to use the "
          + "stored head, or remove it from \(file.path)")
    }
  }

  /// The tokens that end a text: `transformers` generates by `generation_config.json` where there is one.
  private static func endOfText(
    in folder: URL, _ description: ModelDescription
  ) throws -> (tokens: [Int], note: String?) {
    let own = description.metadata.endOfText
    let path = folder.appendingPathComponent("generation_config.json").path
    guard try FileStatus.exists(path),
      let generation = try ModelDescription.endOfText(inGenerationConfiguration: path), Set(generation) != Set(own)
    else { return (own, nil) }
    // config.json's first one stays the first: it ends documents.
    let tokens = own.prefix(1).filter(generation.contains) + generation.filter { $0 != own.first }
    return (
      tokens,
      "\(path) has eos_token_id \(generation), config.json has \(own); generation_config.json is used, as in transformers"
    )
  }

  private static func check(
    _ tensor: SafetensorsFile.Tensor, in file: SafetensorsFile, _ layout: ParameterLayout
  ) throws {
    // What earlier versions stored beside the weights.
    if tensor.name.hasSuffix("rotary_emb.inv_freq") { return }
    let isTiedHead = tensor.name == headName && layout.model.tieWordEmbeddings
    guard let expected = layout[isTiedHead ? embeddingName : tensor.name] else {
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
