import Configuration
import Corpus
import Foundation
import JSON
import Kernels
import Optimization
import Storage
import Transformer

/// A checkpoint of a run: an HDF5 file that `h5py` can read, sealed with a digest of all its bytes.
///
/// Datasets: `/model/<name>`, `/optimizer/exp_avg/<name>` and `/optimizer/exp_avg_sq/<name>`, float32, [out, in];
/// `/tokenizer`, the bytes of the corpus's tokenizer file. Attributes of the file: `format`, `version`, `step`,
/// `tokens`, `config`, and from the corpus `tokenizer`, `tokenizer_sha256` and `eos_token_id`. For `/state` see
/// `Checkpoint+Progress.swift`.
public struct Checkpoint: Sendable {
  static let format = "phd-checkpoint"
  static let version = 1

  public let path: String
  public let progress: RunProgress
  /// The resolved configuration of the run that wrote it.
  public let configuration: JSONValue
  /// `DataFingerprint.text` of the training data: lengths, types and content hashes.
  public let data: String?
  /// `Processor.arithmetic` of the run, on which its results depend.
  public let arithmetic: String?
  /// The tokenizer of its tokens.
  public let tokenizer: TokenizerIdentity
  /// The file that the run's initial weights were read from; nil if they were random.
  package let initializedFrom: WeightsOrigin?
  /// Whether the file has a digest, so that damage is detected.
  public let isSealed: Bool

  public var step: Int { progress.step }
  public var tokens: Int { progress.tokens }
  public var samples: Int { progress.samples }

  /// Reads a checkpoint's attributes and state, after verifying every byte against the digest if it has one.
  ///
  /// - Throws: `StorageError`: `.missing`, `.damaged` for anything that is not a checkpoint, `.failed`;
  ///   `InvalidFileError` if its tokenizer file does not match the digest that it names.
  public init(verifying path: String, progress report: SealedFile.Progress = { _, _ in }) throws {
    isSealed = try SealedFile.verify(path, progress: report) == .sealed
    let file = try HDF5File.open(path)
    guard let format = try file.stringAttribute("format"), format == Checkpoint.format else {
      throw StorageError(.damaged, path, "is not a checkpoint: its attribute format is not \"\(Checkpoint.format)\"")
    }
    let version: Int? = try file.integerAttribute("version")
    guard version == Checkpoint.version else {
      let found = version.map { "\($0)" } ?? "missing"
      throw StorageError(.damaged, path, "has version \(found), this program reads version \(Checkpoint.version)")
    }
    guard let text = try file.stringAttribute("config"), let configuration = try? JSONValue(parsing: text) else {
      throw StorageError(.damaged, path, "has no readable configuration in its attribute config")
    }
    self.path = path
    self.configuration = configuration
    let hasState = try file.exists("state/samples")
    self.progress = try Checkpoint.progress(in: file, hasState: hasState)
    tokenizer = try Checkpoint.tokenizer(in: file)
    data = hasState ? try file.stringAttribute("data", of: "/state") : nil
    arithmetic = hasState ? try file.stringAttribute("arithmetic", of: "/state") : nil
    initializedFrom = hasState ? try Checkpoint.origin(in: file) : nil
  }

  /// The tokenizer that a file with weights names.
  ///
  /// - Throws: `StorageError`; `InvalidFileError` if its tokenizer file does not match the digest that it names.
  package static func tokenizer(in file: HDF5File) throws -> TokenizerIdentity {
    let (name, sha256) = (try file.stringAttribute("tokenizer"), try file.stringAttribute("tokenizer_sha256"))
    let definition = try TokenFile.tokenizerFile(of: file, name: name, sha256: sha256)
    return TokenizerIdentity(
      name: name, sha256: sha256 ?? definition?.sha256, endOfDocument: try file.countAttribute("eos_token_id"),
      file: definition)
  }

  /// Whether the file has the state that a run needs to resume, not only weights.
  public func holdsTrainingState() throws -> Bool {
    let file = try HDF5File.open(path)
    return try data != nil && file.exists("optimizer")
  }

  /// Checks that the weights, and the optimizer state if any, have the tensors of a layout.
  ///
  /// - Parameter optimizer: the optimizer of the run that wrote the file; nil to check only the weights.
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape.
  public func checkTensors(_ layout: ParameterLayout, _ optimizer: (any Optimizer)?) throws {
    let file = try HDF5File.open(path)
    try Checkpoint.checkWeights(in: file, layout)
    guard let optimizer, try file.exists("optimizer") else { return }
    for slot in optimizer.slots(layout) { try Checkpoint.eachTensor(slot, optimizer, of: file, layout) { _, _ in } }
  }

  /// Calls `body` with a function that reads a tensor's values of one of the optimizer's slots.
  ///
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape.
  package func withOptimizerState(
    _ layout: ParameterLayout, _ optimizer: any Optimizer,
    _ body: (
      _ read: (StateSlot, ParameterTensor, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws -> Void
  ) throws {
    let file = try HDF5File.open(path)
    var datasets: [StateSlot: [String: HDF5Dataset]] = [:]
    for slot in optimizer.slots(layout) {
      try Checkpoint.eachTensor(slot, optimizer, of: file, layout) { datasets[slot, default: [:]][$0.name] = $1 }
    }
    try body { slot, tensor, floats in try datasets[slot]?[tensor.name]?.read(into: floats) }
  }

  /// Reads the weights.
  ///
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape.
  public func readWeights(into parameters: Buffer, _ layout: ParameterLayout) throws {
    try Checkpoint.read("model", of: try HDF5File.open(path), into: parameters, layout)
  }

  /// Calls `body` with a function that reads rows of a weight tensor.
  ///
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape.
  public func withWeights<Result>(
    _ layout: ParameterLayout,
    _ body: (
      _ read: (_ tensor: ParameterTensor, _ rows: Range<Int>, _ floats: UnsafeMutableBufferPointer<Float>) throws ->
        Void
    ) throws -> Result
  ) throws -> Result {
    let file = try HDF5File.open(path)
    var datasets: [String: HDF5Dataset] = [:]
    try Checkpoint.eachTensor("model", of: file, layout) { datasets[$0.name] = $1 }
    return try body { tensor, rows, floats in try datasets[tensor.name]?.read(rows: rows, into: floats) }
  }

  /// The model in the attribute `config` of a file with weights; nil if there is none.
  ///
  /// - Throws: `StorageError`, `.damaged` if the configuration of a checkpoint is invalid.
  package static func model(in file: HDF5File) throws -> ModelConfiguration? {
    // What another program means by an attribute of that name is its own affair.
    let isCheckpoint = (try? file.stringAttribute("format")) == Checkpoint.format
    do {
      guard let text = try file.stringAttribute("config") else { return nil }
      guard let sections = (try? JSONValue(parsing: text))?.object, sections["model"] != nil else {
        throw StorageError(.damaged, file.path, "has no readable configuration in its attribute config")
      }
      // The other sections may come from a different version.
      let model = ["name", "model", "hidden_decoding"].compactMap { name in
        sections[name].map { JSONValue.Field(name: name, value: $0) }
      }
      return try SavedModel(.object(JSONValue.Object(distinct: model)), file: file.path).model
    } catch  where !isCheckpoint {
      return nil
    } catch let error as ConfigurationError {
      throw StorageError(.damaged, file.path, "its configuration cannot be used: \(error)")
    }
  }

  /// Checks that a file has the weights of a layout.
  ///
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape.
  package static func checkWeights(in file: HDF5File, _ layout: ParameterLayout) throws {
    try eachTensor("model", of: file, layout) { _, _ in }
  }

  /// Reads the weights from any file with a `/model`. Does not check the digest.
  ///
  /// - Throws: `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape.
  package static func readWeights(_ path: String, into parameters: Buffer, _ layout: ParameterLayout) throws {
    try read("model", of: try HDF5File.open(path), into: parameters, layout)
  }

  private static func read(
    _ group: String, of file: HDF5File, into buffer: Buffer, _ layout: ParameterLayout
  ) throws {
    try eachTensor(group, of: file, layout) { tensor, dataset in try dataset.read(into: buffer[tensor.range]) }
  }

  /// Calls `body` for each tensor that has the optimizer's slot, with its dataset, names and shapes checked.
  private static func eachTensor(
    _ slot: StateSlot, _ optimizer: any Optimizer, of file: HDF5File, _ layout: ParameterLayout,
    _ body: (ParameterTensor, HDF5Dataset) throws -> Void
  ) throws {
    try eachTensor(
      "optimizer/\(slot.name)", of: file, layout, where: { optimizer.slots(of: $0).contains(slot) }, body)
  }

  /// Calls `body` for each of the layout's tensors that the group must have, with its dataset, names and shapes
  /// checked.
  private static func eachTensor(
    _ group: String, of file: HDF5File, _ layout: ParameterLayout,
    where isMember: (ParameterTensor) -> Bool = { _ in true },
    _ body: (ParameterTensor, HDF5Dataset) throws -> Void
  ) throws {
    guard try file.exists(group) else {
      throw StorageError(.damaged, file.path, "has no group /\(group)")
    }
    let names = try file.children(of: group).map(\.name)
    if let unknown = names.first(where: { layout[$0].map(isMember) != true }) {
      throw StorageError(
        .damaged, file.path,
        "/\(group) has \(unknown), which the configured model does not have: it belongs to a different model")
    }
    let present = Set(names)
    for tensor in layout.tensors where isMember(tensor) {
      guard present.contains(tensor.name) else {
        throw StorageError(.damaged, file.path, "/\(group) has no \(tensor.name), which the configured model has")
      }
      let dataset = try file.dataset("\(group)/\(tensor.name)")
      guard dataset.shape == tensor.shape else {
        throw StorageError(
          .damaged, file.path,
          "/\(group)/\(tensor.name) has the shape \(dataset.shape), the configured model \(tensor.shape)")
      }
      try body(tensor, dataset)
    }
  }
}
