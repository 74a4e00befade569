import Communication
import JSON
import Kernels
import Storage
import Transformer

extension Checkpoint {
  /// What all checkpoints of a run say of it.
  struct Origin: Sendable {
    /// The resolved configuration.
    let configuration: JSONValue
    /// `DataFingerprint.text`.
    let data: String
    /// `Processor.arithmetic`.
    let arithmetic: String
    let tokenizer: TokenizerIdentity
    let initializedFrom: InitialWeights.Origin?
  }

  /// Bytes of the numbers in a checkpoint; the file has some kilobytes more.
  static func numberBytes(_ layout: ParameterLayout) -> Int {
    layout.count * MemoryLayout<Float>.stride * (1 + TrainingState.Moment.allCases.count)
  }

  /// Writes the state as a whole, sealed file, on rank 0. Collective.
  ///
  /// - Throws: `StorageError.failed`, on rank 0 alone; `CommunicationError`.
  static func write(
    _ state: TrainingState, _ origin: Origin, to path: String, _ communicator: Communicator
  ) throws {
    let exchange = MomentExchange(state, communicator)
    guard communicator.isRoot else { return try exchange.collect { _, _, _ in } }
    var hasCollected = false
    do {
      try write(state, origin, to: path) { write in
        hasCollected = true
        try exchange.collect(write)
      }
    } catch {
      // The others are sending: they must not wait for a file that will never be.
      if !hasCollected { try exchange.collect { _, _, _ in } }
      throw error
    }
  }

  /// Writes a state of all parameters as a whole, sealed file. Not collective.
  ///
  /// - Parameter goOn: called between tensors; what it throws ends the writing.
  /// - Throws: `StorageError.failed`; what `goOn` throws.
  static func write(
    _ state: TrainingState, _ origin: Origin, to path: String, goOn: () throws -> Void
  ) throws {
    try write(state, origin, to: path, goOn: goOn) { write in
      for tensor in state.layout.tensors {
        for moment in TrainingState.Moment.allCases {
          try goOn()
          try write(moment, tensor, UnsafeBufferPointer(state[moment][tensor.range]))
        }
      }
    }
  }

  private static func write(
    _ state: TrainingState, _ origin: Origin, to path: String, goOn: () throws -> Void = {},
    moments: (_ write: (TrainingState.Moment, ParameterTensor, UnsafeBufferPointer<Float>) throws -> Void) throws ->
      Void
  ) throws {
    let progress = state.progress
    let head = Head(
      configuration: origin.configuration, step: progress.step, tokens: progress.tokens, tokenizer: origin.tokenizer)
    try write(head, bytes: numberBytes(state.layout), to: path) { file in
      for tensor in state.layout.tensors {
        try goOn()
        try file.write(
          "model/\(tensor.name)", shape: tensor.shape, from: UnsafeBufferPointer(state.parameters[tensor.range]))
      }
      try moments { moment, tensor, floats in
        try file.write("optimizer/\(moment.rawValue)/\(tensor.name)", shape: tensor.shape, from: floats)
      }
      try write(progress, origin, to: file)
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
    let head = Head(configuration: configuration, tokenizer: tokenizer)
    try write(head, bytes: layout.count * MemoryLayout<Float>.stride, to: path) { file in
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

  /// - Parameter bytes: what the file will have at the least: the disk is asked for them first.
  private static func write(_ head: Head, bytes: Int, to path: String, _ body: (HDF5File) throws -> Void) throws {
    try WholeFile.write(to: path) { temporary in
      let file = try HDF5File.create(temporary, userBlockBytes: SealedFile.userBlockBytes)
      try DiskSpace.reserve(bytes, for: temporary)
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
}
