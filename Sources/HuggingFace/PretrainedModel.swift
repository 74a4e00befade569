import Foundation
import JSON
import Storage
import Transformer

/// A Hugging Face model: a folder with `config.json` and `model.safetensors`, or with several safetensors files and their
/// index, `model.safetensors.index.json`.
public struct PretrainedModel: Sendable {
  public let description: ModelDescription
  public let layout: ParameterLayout
  /// The path of the folder's tokenizer, which may not exist.
  public let tokenizerPath: String
  /// Warnings about the folder, one sentence each.
  public let notes: [String]

  private let files: [SafetensorsFile]
  /// The index of each tensor's file, by the tensor's name.
  private let fileIndices: [String: Int]

  /// Whether `path` is a Hugging Face model rather than a checkpoint: a folder, or a file named `*.safetensors`.
  public static func isModel(at path: String) -> Bool {
    path.hasSuffix(".safetensors") || ((try? FileStatus(path))?.isFolder ?? false)
  }

  /// Opens a model and compares every tensor with the configuration and the index. Reads no weights, except to compare
  /// a stored head with the embedding it is tied to.
  ///
  /// - Parameter path: the folder, or a `.safetensors` file with `config.json` in the same folder.
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or of another shape, or if two files contradict
  ///   each other.
  public init(_ path: String) throws {
    let isFolder = try FileStatus(path).isFolder
    let url = URL(fileURLWithPath: path)
    let folder = isFolder ? url : url.deletingLastPathComponent()
    let configuration = folder.appendingPathComponent("config.json")
    if try !FileStatus.exists(configuration.path) {
      throw StorageError(.missing, configuration.path, "there is no such file: \(path) needs it")
    }
    let description = try ModelDescription(configuration.path)
    let layout = ParameterLayout(description.model)
    let index = isFolder ? try SafetensorsIndex(in: folder) : nil
    let names = index?.fileNames ?? [isFolder ? SafetensorsIndex.wholeName : url.lastPathComponent]
    let files = try names.map { try SafetensorsFile(folder.appendingPathComponent($0).path) }
    var fileIndices: [String: Int] = [:]
    for (index, file) in files.enumerated() {
      for tensor in file.tensors {
        if let other = fileIndices.updateValue(index, forKey: tensor.name) {
          throw StorageError(.damaged, file.path, "has \(tensor.name), which is also in \(names[other])")
        }
        try PretrainedModel.check(tensor, in: file, layout)
      }
    }
    try index?.compare(with: fileIndices)
    if let absent = layout.tensors.first(where: { fileIndices[$0.name] == nil }) {
      let advice =
        absent.name == PretrainedModel.headName
        ? "; if the head is tied to the embedding, config.json must have \"tie_word_embeddings\": true" : ""
      throw StorageError(.damaged, path, "has no \(absent.name), which its config.json requires\(advice)")
    }
    if description.model.tieWordEmbeddings {
      try PretrainedModel.requireEqualHead(
        [PretrainedModel.headName, PretrainedModel.embeddingName].map { name in fileIndices[name].map { files[$0] } },
        configuration.path)
    }
    let ends = try PretrainedModel.endOfText(in: folder, description)
    self.description = description.ending(at: ends.tokens)
    notes = ends.note.map { [$0] } ?? []
    self.layout = layout
    tokenizerPath = folder.appendingPathComponent("tokenizer.json").path
    self.files = files
    self.fileIndices = fileIndices
  }

  /// Reads rows of a tensor (elements of a norm) as fp32.
  ///
  /// - Throws: `StorageError`.
  public func read(
    _ tensor: ParameterTensor, _ rows: Range<Int>, into floats: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard let file = fileIndices[tensor.name].map({ files[$0] }), let stored = file[tensor.name] else {
      preconditionFailure("\(tensor.name) is not a tensor of the model")
    }
    let columns = tensor.isNorm ? 1 : tensor.shape[1]
    precondition(floats.count == rows.count * columns, "\(floats.count) floats for \(rows) of \(tensor)")
    try file.read(stored, from: rows.lowerBound * columns, into: floats)
  }

  /// XXH3-128 over all bytes of the safetensors files in order: 32 hexadecimal digits.
  ///
  /// - Throws: `StorageError`.
  public func digest() throws -> String { try SealedFile.digest(of: files.map(\.path)) }

  private static let headName = "lm_head.weight"
  private static let embeddingName = "model.embed_tokens.weight"

  /// Rejects a stored head that is tied to the embedding but has other weights. The model would be ambiguous:
  /// `transformers` 4 uses the embedding, `transformers` 5 the stored head.
  ///
  /// - Parameter files: the head's file and the embedding's file.
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
      guard let index = parts[0].indices.first(where: { parts[0][$0].bitPattern != parts[1][$0].bitPattern }) else {
        continue
      }
      throw StorageError(
        .damaged, configuration,
        "has \"tie_word_embeddings\": true, but \(headName) is stored and is not \(embeddingName): element "
          + "\(first + index) is \(parts[0][index]) and \(parts[1][index]). Set tie_word_embeddings to false to use the "
          + "stored head, or remove it from \(file.path)")
    }
  }

  /// The end-of-text tokens: those of `generation_config.json` if there is one, as in `transformers`.
  private static func endOfText(
    in folder: URL, _ description: ModelDescription
  ) throws -> (tokens: [Int], note: String?) {
    let own = description.metadata.endOfText
    let path = folder.appendingPathComponent("generation_config.json").path
    guard try FileStatus.exists(path),
      let generation = try ModelDescription.endOfText(inGenerationConfiguration: path), Set(generation) != Set(own)
    else { return (own, nil) }
    // config.json's first token stays first because it is the end-of-document token.
    let tokens = own.prefix(1).filter(generation.contains) + generation.filter { $0 != own.first }
    return (
      tokens,
      "\(path) has eos_token_id \(generation), config.json has \(own); generation_config.json is used, as in transformers"
    )
  }

  private static func check(
    _ tensor: SafetensorsFile.Tensor, in file: SafetensorsFile, _ layout: ParameterLayout
  ) throws {
    // Earlier versions of `transformers` stored this in addition to the weights.
    if tensor.name.hasSuffix("rotary_emb.inv_freq") { return }
    let isTiedHead = tensor.name == headName && layout.model.tieWordEmbeddings
    guard let expected = layout[isTiedHead ? embeddingName : tensor.name] else {
      throw StorageError(
        .damaged, file.path, "has \(tensor.name), which is not a tensor of config.json's model")
    }
    guard tensor.shape == expected.shape else {
      throw StorageError(
        .damaged, file.path,
        "\(tensor.name) has the shape \(tensor.shape), expected \(expected.shape) by config.json")
    }
    if tensor.type == nil {
      throw StorageError(
        .damaged, file.path, "\(tensor.name) has the type \(tensor.typeName), expected F32, F16 or BF16")
    }
  }
}
