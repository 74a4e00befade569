import Configuration
import Display
import JSON
import Kernels
import Storage
import Transformer

/// A summary of a checkpoint, with every byte and every tensor's shape checked.
public struct CheckpointReport: Sendable {
  public let path: String
  public let checkpoint: Checkpoint
  public let saved: SavedModel
  public let parameters: Int

  public var isSealed: Bool { checkpoint.isSealed }

  /// Reads and checks the whole file.
  ///
  /// - Throws: `StorageError`, `.damaged` if a byte has changed, or a tensor is missing or has a different shape.
  public init(_ path: String, progress: SealedFile.Progress = { _, _ in }) throws {
    self.path = path
    checkpoint = try Checkpoint(verifying: path, progress: progress)
    do {
      saved = try SavedModel(checkpoint.configuration, file: path)
    } catch {
      throw StorageError(.damaged, path, "its configuration cannot be used: \(error)")
    }
    let layout = ParameterLayout(saved.model)
    parameters = layout.count
    try checkpoint.checkTensors(layout, saved.run?.makeOptimizer())
  }

  /// Reads every number of the weights and of the moments, if any.
  ///
  /// - Throws: `StorageError`, `.damaged` if one cannot be read or is not finite: a run never saves such a number.
  public func verifyNumbers() throws {
    let layout = ParameterLayout(saved.model)
    let largest = Buffer(count: layout.tensors.map(\.range.count).max() ?? 0)
    func check(_ group: String, _ tensor: ParameterTensor, _ floats: UnsafeMutableBufferPointer<Float>) throws {
      guard let place = floats.firstIndex(where: { !$0.isFinite }) else { return }
      throw StorageError(.damaged, path, "/\(group)/\(tensor.name) has \(floats[place]) at element \(place)")
    }
    try checkpoint.withWeights(layout) { read in
      for tensor in layout.tensors {
        let floats = largest[0..<tensor.range.count]
        try read(tensor, 0..<tensor.shape[0], floats)
        try check("model", tensor, floats)
      }
    }
    guard let optimizer = saved.run?.makeOptimizer(), try checkpoint.holdsTrainingState() else { return }
    try checkpoint.withOptimizerState(layout, optimizer) { read in
      for tensor in layout.tensors {
        for slot in optimizer.slots(of: tensor) {
          let floats = largest[0..<tensor.range.count]
          try read(slot, tensor, floats)
          try check("optimizer/\(slot.name)", tensor, floats)
        }
      }
    }
  }

  /// The weights in one buffer, in the order of the layout.
  ///
  /// - Throws: `StorageError`.
  public func readWeights() throws -> (layout: ParameterLayout, parameters: Buffer) {
    let layout = ParameterLayout(saved.model)
    let parameters = Buffer(count: layout.count)
    try checkpoint.readWeights(into: parameters, layout)
    return (layout, parameters)
  }

  public var json: JSONValue {
    [
      "step": .integer(checkpoint.step), "parameters": .integer(parameters), "config": checkpoint.configuration,
      "tokens": .integer(checkpoint.tokens), "samples": .integer(checkpoint.samples), "sealed": .bool(isSealed),
      "tokenizer": checkpoint.tokenizer.name.map { .string($0) } ?? .null,
      "tokenizer_sha256": checkpoint.tokenizer.sha256.map { .string($0) } ?? .null,
      "initialized_from": checkpoint.initializedFrom?.json ?? .null,
    ]
  }

  public var text: String {
    let run = saved.run.map { "\($0.training.steps) steps planned" } ?? "only weights, not from a run"
    return """
      step         \(checkpoint.step)
      tokens       \(checkpoint.tokens)
      samples      \(checkpoint.samples)
      model        \(saved.hiddenDecoding.name), \(saved.model.architecture.rawValue), \(Quantity.short(parameters)) \
      parameters
      run          \(saved.name), \(run)
      tokenizer    \(checkpoint.tokenizer.named.isEmpty ? "unknown" : checkpoint.tokenizer.named)
      seal         \(isSealed ? "verified: no byte has changed" : "none: changed bytes would not be detected")
      """
  }
}
