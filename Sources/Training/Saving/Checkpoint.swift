import Communication
import Corpus
import Foundation
import JSON
import Kernels
import Storage
import Transformer

/// A run's checkpoint: an HDF5 file that `h5py` reads, sealed with a digest of all its bytes.
///
/// `/model/<name>`, `/optimizer/exp_avg/<name>`, `/optimizer/exp_avg_sq/<name>`: float32, [out, in]. Attributes of the
/// file: `format`, `version`, `step`, `tokens`, `config`, and what the corpus said of its tokens: `tokenizer`,
/// `tokenizer_sha256`, `eos_token_id`; `/tokenizer`, its file, as bytes. `/state/samples`, and the attribute `data` of
/// `/state`, with `arithmetic` beside it.
public struct Checkpoint: Sendable {
  static let format = "phd-checkpoint"
  static let version = 1

  public let path: String
  public let step: Int
  public let tokens: Int
  public let samples: Int
  /// The resolved configuration of the run that wrote it.
  public let configuration: JSONValue
  /// What the run was trained on: lengths, types and content hashes.
  public let data: String?
  /// What the bits of its run hung on: `Processor.arithmetic`.
  public let arithmetic: String?
  /// What its tokens mean.
  public let tokenizer: TokenizerIdentity
  /// Whether the file has a seal, and so whether damage would have been noticed.
  public let isSealed: Bool

  // MARK: writing

  /// Writes the state as a whole, sealed file, on rank 0. Collective.
  ///
  /// - Throws: `StorageError.failed`, on rank 0 alone; `CommunicationError`.
  static func write(
    _ state: TrainingState, configuration: JSONValue, data: String, arithmetic: String,
    tokenizer: TokenizerIdentity = TokenizerIdentity(),
    to path: String, _ communicator: Communicator
  ) throws {
    let exchange = MomentExchange(state, communicator)
    guard communicator.isRoot else { return try exchange.collect { _, _, _ in } }
    let head = Head(configuration: configuration, step: state.step, tokens: state.tokens, tokenizer: tokenizer)
    var hasCollected = false
    do {
      try write(head, to: path) { file in
        for tensor in state.layout.tensors {
          try file.write(
            "model/\(tensor.name)", shape: tensor.shape, from: UnsafeBufferPointer(state.parameters[tensor.range]))
        }
        hasCollected = true
        try exchange.collect { moment, tensor, floats in
          try file.write("optimizer/\(moment.rawValue)/\(tensor.name)", shape: tensor.shape, from: floats)
        }
        try file.write("state/samples", [UInt64(state.samples)])
        try file.setAttribute("data", of: "/state", to: data)
        try file.setAttribute("arithmetic", of: "/state", to: arithmetic)
      }
    } catch {
      // The others are sending: they must not wait for a file that will never be.
      if !hasCollected { try exchange.collect { _, _, _ in } }
      throw error
    }
  }

  /// Writes weights alone as a whole, sealed file, a tensor at a time: what other runs begin with, and inference needs.
  ///
  /// - Parameter read: gives all of a tensor.
  /// - Throws: `StorageError.failed`; what `read` throws.
  public static func writeWeights(
    _ layout: ParameterLayout, configuration: JSONValue, tokenizer: TokenizerIdentity = TokenizerIdentity(),
    to path: String, read: (_ tensor: ParameterTensor, _ floats: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    try write(Head(configuration: configuration, tokenizer: tokenizer), to: path) { file in
      let largest = Buffer(count: layout.tensors.map(\.range.count).max() ?? 0)
      for tensor in layout.tensors {
        let floats = largest[0..<tensor.range.count]
        try read(tensor, floats)
        try file.write("model/\(tensor.name)", shape: tensor.shape, from: UnsafeBufferPointer(floats))
      }
    }
  }

  /// What the attributes of a file say.
  private struct Head {
    let configuration: JSONValue
    var step = 0
    var tokens = 0
    let tokenizer: TokenizerIdentity
  }

  private static func write(_ head: Head, to path: String, _ body: (HDF5File) throws -> Void) throws {
    try WholeFile.write(to: path) { temporary in
      let file = try HDF5File.create(temporary, userBlockBytes: SealedFile.userBlockBytes)
      try file.setAttribute("format", to: format)
      try file.setAttribute("version", to: version)
      try file.setAttribute("step", to: head.step)
      try file.setAttribute("tokens", to: head.tokens)
      try file.setAttribute("config", to: head.configuration.compact)
      if let name = head.tokenizer.name { try file.setAttribute("tokenizer", to: name) }
      if let sha256 = head.tokenizer.sha256 { try file.setAttribute("tokenizer_sha256", to: sha256) }
      if let token = head.tokenizer.endOfDocument { try file.setAttribute("eos_token_id", to: token) }
      if let definition = head.tokenizer.file { try file.write("tokenizer", definition.bytes) }
      try body(file)
      try file.close()
      try SealedFile.seal(temporary)
    }
  }

  // MARK: reading

  /// Reads what a checkpoint says of itself, every byte checked against its seal where it has one.
  ///
  /// - Throws: `StorageError`: `.missing`, `.damaged` for anything that is no checkpoint, `.failed`; `CorpusError` where
  ///   its tokenizer is not the one that it names.
  public init(verifying path: String, progress report: SealedFile.Progress = { _, _ in }) throws {
    isSealed = try SealedFile.verify(path, progress: report) == .sealed
    let file = try HDF5File.open(path)
    guard let format = try file.stringAttribute("format"), format == Checkpoint.format else {
      throw StorageError(.damaged, path, "is no checkpoint: its attribute format is not \"\(Checkpoint.format)\"")
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
    step = try Checkpoint.count("step", in: file) ?? 0
    tokens = try Checkpoint.count("tokens", in: file) ?? 0
    tokenizer = try Checkpoint.tokenizer(in: file)
    let hasState = try file.exists("state/samples")
    samples = hasState ? try Checkpoint.samples(in: file) : 0
    data = hasState ? try file.stringAttribute("data", of: "/state") : nil
    arithmetic = hasState ? try file.stringAttribute("arithmetic", of: "/state") : nil
  }

  /// What a file with weights says of its tokens.
  ///
  /// - Throws: `StorageError`; `CorpusError` where its tokenizer is not the one that it names.
  static func tokenizer(of path: String) throws -> TokenizerIdentity { try tokenizer(in: try HDF5File.open(path)) }

  private static func tokenizer(in file: HDF5File) throws -> TokenizerIdentity {
    let (name, sha256) = (try file.stringAttribute("tokenizer"), try file.stringAttribute("tokenizer_sha256"))
    let definition = try TokenFile.tokenizerFile(of: file, name: name, sha256: sha256)
    return TokenizerIdentity(
      name: name, sha256: sha256 ?? definition?.sha256, endOfDocument: try count("eos_token_id", in: file),
      file: definition)
  }

  private static func count(_ name: String, in file: HDF5File) throws -> Int? {
    guard let value: Int = try file.integerAttribute(name) else { return nil }
    guard value >= 0 else { throw StorageError(.damaged, file.path, "has \(name) \(value)") }
    return value
  }

  private static func samples(in file: HDF5File) throws -> Int {
    let values: [UInt64] = try file.dataset("state/samples").array()
    guard values.count == 1, let samples = values.first.flatMap({ Int(exactly: $0) }) else {
      throw StorageError(.damaged, file.path, "/state/samples is not one count: \(values.prefix(3))")
    }
    return samples
  }

  /// Whether there is everything that a run needs to go on; weights alone serve other purposes.
  public func holdsTrainingState() throws -> Bool {
    let file = try HDF5File.open(path)
    return try data != nil && file.exists("optimizer/exp_avg") && file.exists("optimizer/exp_avg_sq")
  }

  /// Checks that the weights, and the moments where there are any, are those of a layout.
  ///
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape.
  public func checkTensors(_ layout: ParameterLayout) throws {
    let file = try HDF5File.open(path)
    for group in ["model"] + TrainingState.Moment.allCases.map({ "optimizer/\($0.rawValue)" })
    where try group == "model" || file.exists(group) {
      try Checkpoint.eachTensor(group, of: file, layout) { _, _ in }
    }
  }

  /// Calls `body` with a function that reads a moment of a tensor.
  ///
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape.
  func withMoments(
    _ layout: ParameterLayout,
    _ body: (
      _ read: (TrainingState.Moment, ParameterTensor, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws -> Void
  ) throws {
    let file = try HDF5File.open(path)
    var datasets: [TrainingState.Moment: [String: HDF5Dataset]] = [:]
    for moment in TrainingState.Moment.allCases {
      try Checkpoint.eachTensor("optimizer/\(moment.rawValue)", of: file, layout) {
        datasets[moment, default: [:]][$0.name] = $1
      }
    }
    try body { moment, tensor, floats in try datasets[moment]?[tensor.name]?.read(into: floats) }
  }

  /// Reads the weights alone.
  ///
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape.
  public func readWeights(into parameters: Buffer, _ layout: ParameterLayout) throws {
    try Checkpoint.read("model", of: try HDF5File.open(path), into: parameters, layout)
  }

  /// Calls `body` with a function that reads some rows of a tensor of the weights.
  ///
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape.
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

  /// Reads the weights alone, from any file with a `/model`, every byte checked where it has a seal.
  ///
  /// - Throws: `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape.
  public static func readWeights(_ path: String, into parameters: Buffer, _ layout: ParameterLayout) throws {
    _ = try SealedFile.verify(path)
    try read("model", of: try HDF5File.open(path), into: parameters, layout)
  }

  private static func read(
    _ group: String, of file: HDF5File, into buffer: Buffer, _ layout: ParameterLayout
  ) throws {
    try eachTensor(group, of: file, layout) { tensor, dataset in try dataset.read(into: buffer[tensor.range]) }
  }

  /// Calls `body` for each tensor of the layout with its dataset, names and shapes checked.
  private static func eachTensor(
    _ group: String, of file: HDF5File, _ layout: ParameterLayout,
    _ body: (ParameterTensor, HDF5Dataset) throws -> Void
  ) throws {
    guard try file.exists(group) else {
      throw StorageError(.damaged, file.path, "has no group /\(group)")
    }
    let names = try file.children(of: group).map(\.name)
    if let unknown = names.first(where: { layout[$0] == nil }) {
      throw StorageError(
        .damaged, file.path, "/\(group) has \(unknown), which the configured model has not: it is another model's")
    }
    let present = Set(names)
    for tensor in layout.tensors {
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
