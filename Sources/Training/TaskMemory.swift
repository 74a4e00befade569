import Configuration
import Inference
import Transformer

/// The memory that the benchmarks of `validation.tasks` take; all 0 without benchmarks.
enum TaskMemory {
  /// Bytes that the packed weights take in addition to the gradients, whose memory they use.
  static func weightPadding(_ configuration: RunConfiguration) -> Int {
    if configuration.validation.tasks.isEmpty { return 0 }
    let layout = ParameterLayout(configuration.model)
    return max(0, InferenceWeights.bytes(layout, .fp32) - layout.count * MemoryLayout<Float>.stride)
  }

  /// Bytes at most: padding, KV caches and the decoder's workspace.
  static func bytes(_ configuration: RunConfiguration) -> Int {
    if configuration.validation.tasks.isEmpty { return 0 }
    let (model, decoding) = (configuration.model, configuration.hiddenDecoding)
    let (items, length) = (RunConfiguration.ValidationSection.itemsAtOnce, configuration.taskLength)
    return weightPadding(configuration) + items * KVCache.bytes(model, decoding, .fp32, capacity: length)
      + Decoder.workspaceBytes(model, decoding, sequences: items, tokens: items * length)
  }
}
