import JSON
import Kernels
import Optimization
import Storage
import Transformer

extension Checkpoint {
  /// What all checkpoints of a run contain beside its state.
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

  /// Bytes of the numbers in a checkpoint; the file has some kilobytes more.
  package static func numberBytes(_ layout: ParameterLayout, _ optimizer: any Optimizer) -> Int {
    layout.count * MemoryLayout<Float>.stride + optimizer.stateElements(layout) * StateSlot.bytesPerElement
  }

  /// Writes a run's state as a whole, sealed file.
  ///
  /// - Parameters:
  ///   - parameters: all weights, flat.
  ///   - slots: calls its argument with each slot's values of each tensor, all of the tensor.
  ///   - checkCancellation: called between tensors; what it throws ends the writing.
  /// - Throws: `StorageError.failed`; what `checkCancellation` and `slots` throw.
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

  /// Writes weights alone as a whole, sealed file, a tensor at a time: what other runs begin with, and inference needs.
  ///
  /// - Parameter read: gives all of a tensor.
  /// - Throws: `StorageError.failed`; what `read` throws.
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

  /// What the attributes of a file say.
  private struct Header {
    let configuration: JSONValue
    var step = 0
    var tokens = 0
    let tokenizer: TokenizerIdentity
  }

  /// - Parameter bytes: what the file will have at the least: the disk is asked for them first.
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
