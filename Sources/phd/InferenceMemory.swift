import Configuration
import Display
import Host
import Inference
import Kernels
import Storage
import Training

/// The memory that inference with a model needs, in bytes.
struct InferenceMemory {
  let weights: Int
  /// KV caches of all sequences.
  var caches = 0
  /// Scratch buffers of the decoder and of the command.
  var workspace = 0
  /// Ranks on this node. Each has its own copy of the model.
  var ranks = 1

  init(_ model: LoadedModel, _ precision: ElementType) {
    weights = InferenceWeights.bytes(model.layout, precision)
  }

  /// Checks that the memory is available.
  ///
  /// - Parameters:
  ///   - cachesOf: what the KV caches are for: `the prompts and 128 new tokens`.
  ///   - advice: how to need less: `lower --max-length`.
  /// - Throws: `ConfigurationError`.
  func require(_ available: Int = AvailableMemory.bytes, cachesOf: String = "", advice: String) throws {
    if (weights + caches + workspace) * ranks <= available { return }
    var parts = ["the weights take \(Quantity.bytes(weights))"]
    if caches > 0 { parts.append("the KV caches of \(cachesOf) \(Quantity.bytes(caches))") }
    if workspace > 0 { parts.append("scratch buffers \(Quantity.bytes(workspace))") }
    let perRank = ranks > 1 ? " on each of the node's \(ranks) ranks" : ""
    throw ConfigurationError(
      "\(parts.joined(separator: ", "))\(perRank); \(Quantity.bytes(available)) are available: \(advice), or use "
        + "--precision bf16")
  }
}
