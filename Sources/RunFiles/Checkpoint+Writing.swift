import JSON
import Kernels
import Optimization
import Storage
import Transformer

extension Checkpoint {
  /// The contents that all checkpoints of a run have in common.
  package struct Origin: Sendable {
    /// The resolved configuration.
    package let configuration: JSONValue
    /// `DataFingerprint.text`.
    package let data: String
    /// `Processor.arithmetic`.
    package let arithmetic: String
    package let tokenizer: TokenizerIdentity
    package let initializedFrom: WeightsOrigin?

    package init(
      configuration: JSONValue, data: String, arithmetic: String, tokenizer: TokenizerIdentity,
      initializedFrom: WeightsOrigin?
    ) {
      self.configuration = configuration
      self.data = data
      self.arithmetic = arithmetic
      self.tokenizer = tokenizer
      self.initializedFrom = initializedFrom
    }
  }

  /// Bytes of the tensors in a checkpoint; the file is some kilobytes larger.
  package static func numberBytes(_ layout: ParameterLayout, _ optimizer: any Optimizer) -> Int {
    layout.count * MemoryLayout<Float>.stride + optimizer.stateElements(layout) * StateSlot.bytesPerElement
  }

  /// Writes a run's state as a whole, sealed file.
  ///
  /// - Parameters:
  ///   - parameters: all weights, flat.
  ///   - checkCancellation: called between tensors; an error that it throws ends the writing.
  ///   - slots: calls its argument with all values of each slot of each tensor.
  /// - Throws: `StorageError.failed`; the errors of `checkCancellation` and `slots`.
  package static func write(
    _ progress: RunProgress, _ layout: ParameterLayout, _ parameters: Buffer, _ optimizer: any Optimizer,
    _ origin: Origin, to path: String, checkCancellation: () throws -> Void = {},
    slots: (_ write: (StateSlot, ParameterTensor, UnsafeBufferPointer<Float>) throws -> Void) throws -> Void
  ) throws {
    let header = Header(
      configuration: origin.configuration, step: progress.step, tokens: progress.tokens, tokenizer: origin.tokenizer)
    try write(header, bytes: numberBytes(layout, optimizer), to: path) { file in
      for tensor in layout.tensors {
        try checkCancellation()
        try file.write(
          "model/\(tensor.name)", shape: tensor.shape, from: UnsafeBufferPointer(parameters[tensor.range]))
      }
      try slots { slot, tensor, floats in
        try file.write("optimizer/\(slot.name)/\(tensor.name)", shape: tensor.shape, from: floats)
      }
      try write(progress, origin, to: file)
    }
  }

  /// Writes weights without training state as a whole, sealed file, for inference and `--initialize-from`.
  ///
  /// - Parameter read: fills `floats` with all values of a tensor; called for one tensor at a time.
  /// - Throws: `StorageError.failed`; the errors of `read`.
  public static func writeWeights(
    _ layout: ParameterLayout, configuration: JSONValue, tokenizer: TokenizerIdentity = TokenizerIdentity(),
    to path: String, read: (_ tensor: ParameterTensor, _ floats: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    let header = Header(configuration: configuration, tokenizer: tokenizer)
    try write(header, bytes: layout.count * MemoryLayout<Float>.stride, to: path) { file in
      let largest = Buffer(count: layout.tensors.map(\.range.count).max() ?? 0)
      for tensor in layout.tensors {
        let floats = largest[0..<tensor.range.count]
        try read(tensor, floats)
        try file.write("model/\(tensor.name)", shape: tensor.shape, from: UnsafeBufferPointer(floats))
      }
    }
  }

  /// The attributes of a file.
  private struct Header {
    let configuration: JSONValue
    var step = 0
    var tokens = 0
    let tokenizer: TokenizerIdentity
  }

  /// - Parameter bytes: a lower bound of the file's size, reserved on the disk before writing.
  private static func write(_ header: Header, bytes: Int, to path: String, _ body: (HDF5File) throws -> Void) throws {
    try WholeFile.write(to: path) { temporary in
      let file = try HDF5File.create(temporary, userBlockBytes: SealedFile.userBlockBytes)
      try DiskSpace.reserve(bytes, for: temporary)
      try file.setAttribute("format", to: format)
      try file.setAttribute("version", to: version)
      try file.setAttribute("step", to: header.step)
      try file.setAttribute("tokens", to: header.tokens)
      try file.setAttribute("config", to: header.configuration.compact)
      if let name = header.tokenizer.name { try file.setAttribute("tokenizer", to: name) }
      if let sha256 = header.tokenizer.sha256 { try file.setAttribute("tokenizer_sha256", to: sha256) }
      if let token = header.tokenizer.endOfDocument { try file.setAttribute("eos_token_id", to: token) }
      if let definition = header.tokenizer.file { try file.write("tokenizer", definition.bytes) }
      try body(file)
      try file.close()
      try SealedFile.seal(temporary)
    }
  }
}
