import Configuration
import Inference
import Transformer

/// The memory for evaluating `validation.tasks`; all 0 if there are no tasks.
enum TaskMemory {
  /// Bytes that the packed weights need in addition to the gradients' memory, which they share.
  static func weightPadding(_ configuration: RunConfiguration) -> Int {
    if configuration.validation.tasks.isEmpty { return 0 }
    let layout = ParameterLayout(configuration.model)
    return max(0, InferenceWeights.bytes(layout, .fp32) - layout.count * MemoryLayout<Float>.stride)
  }

  /// An upper bound in bytes: padding, KV caches and the decoder's scratch buffers.
  static func bytes(_ configuration: RunConfiguration) -> Int {
    if configuration.validation.tasks.isEmpty { return 0 }
    let (model, decoding) = (configuration.model, configuration.hiddenDecoding)
    let (items, length) = (RunConfiguration.ValidationSection.itemsAtOnce, configuration.taskLength)
    return weightPadding(configuration) + items * KVCache.bytes(model, decoding, .fp32, capacity: length)
      + Decoder.workspaceBytes(model, decoding, sequences: items, tokens: items * length)
  }
}
