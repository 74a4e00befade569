import Communication
import Corpus
import Evaluation
import Inference
import Kernels
import Transformer

/// The benchmarks of `validation.tasks`, asked of the weights as they are.
///
/// Their packed copy lies where the gradients are between steps: it takes no memory but what fills its panels.
public struct TaskValidation {
  /// Items that a rank takes through the model at once.
  private static let itemsAtOnce = 8

  private let tasks: [EvaluationTask]
  private let encoder: RequestEncoder
  /// Files that were passed over, for a warning.
  let notes: [String]

  /// Reads the benchmarks; nil where there are none.
  ///
  /// - Throws: `StorageError`, `EvaluationError`, also for an item that the model cannot be asked; `InvalidFileError`;
  ///   ``ConfigurationError`` where the corpora do not hold their tokenizer.
  init?(_ configuration: RunConfiguration, _ tokenizer: TokenizerIdentity) throws {
    let validation = configuration.validation
    if validation.tasks.isEmpty { return nil }
    guard let text = try TokenText(tokenizer) else {
      let named = tokenizer.name.map { "do not hold their tokenizer, \($0)" } ?? "name no tokenizer"
      throw ConfigurationError(
        "validation.tasks: the training corpora \(named), so no text can be asked of the model: build them from text "
          + "with `phd corpus build --tokenizer PATH`, or from tokens with --made-with PATH")
    }
    encoder = RequestEncoder(
      text, endOfDocument: tokenizer.endOfDocument, vocabularySize: configuration.model.vocabularySize,
      maximumLength: TaskValidation.maximumLength(configuration))
    var notes: [String] = []
    tasks = try TaskReader.tasks(validation.tasks, limit: validation.taskItems) { notes.append($0) }
    self.notes = notes
    // What is wrong is said now, not hours into the run.
    for task in tasks { try encoder.check(task) }
  }

  /// The benchmarks, for all ranks to have the same.
  var entries: [CommonFiles.Entry] {
    tasks.map { CommonFiles.Entry("validation.tasks, \($0.name)", read: $0.fingerprint) }
  }

  /// Positions of an item at the most.
  static func maximumLength(_ configuration: RunConfiguration) -> Int {
    configuration.metadata.maxPositionEmbeddings ?? configuration.data.sequenceLength
  }

  /// Each benchmark's result, the same on every rank; nil where it was interrupted. Collective; the gradients are gone
  /// afterwards.
  ///
  /// - Parameter isInterrupted: asked now and then, by all ranks together.
  /// - Throws: `AgreedError`, `CommunicationError`.
  func results(_ trainer: Trainer, unless isInterrupted: () throws -> Bool) throws -> [TaskResult]? {
    let decoder = Decoder(trainer.inferenceModel(), on: trainer.team)
    let evaluation = TaskEvaluation(
      decoder, encoder, itemsAtOnce: TaskValidation.itemsAtOnce, trainer.communicator)
    var results: [TaskResult] = []
    for task in tasks {
      guard let result = try evaluation.result(of: task, unless: isInterrupted) else { return nil }
      results.append(result)
    }
    return results
  }

  /// Bytes that the packed weights take beyond the gradients' own.
  static func weightPadding(_ configuration: RunConfiguration) -> Int {
    if configuration.validation.tasks.isEmpty { return 0 }
    let layout = ParameterLayout(configuration.model)
    return max(0, InferenceWeights.bytes(layout, .fp32) - layout.count * MemoryLayout<Float>.stride)
  }

  /// About what ``bytes(_:)`` is, too much rather than too little, however much it is.
  static func approximateBytes(_ configuration: RunConfiguration) -> Double {
    let (model, copies) = (configuration.model, configuration.hiddenDecoding.repeats)
    let perRow =
      Double(model.layers) * Double(model.keyValueSize) + 8 * Double(model.hiddenSize + model.intermediateSize)
    return 16 * Double(itemsAtOnce * maximumLength(configuration)) * Double(copies) * perRow
  }

  /// Bytes that asking takes at the most: padding, caches and what is computed.
  static func bytes(_ configuration: RunConfiguration) -> Int {
    if configuration.validation.tasks.isEmpty { return 0 }
    let (model, decoding) = (configuration.model, configuration.hiddenDecoding)
    let length = maximumLength(configuration)
    return weightPadding(configuration) + itemsAtOnce * KVCache.bytes(model, decoding, .fp32, capacity: length)
      + Decoder.workspaceBytes(model, decoding, sequences: itemsAtOnce, tokens: itemsAtOnce * length)
  }
}
