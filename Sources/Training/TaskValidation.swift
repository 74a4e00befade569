import Communication
import Configuration
import Corpus
import Evaluation
import Inference
import Kernels
import RunFiles
import Transformer

/// The benchmarks of `validation.tasks`, asked of the weights as they are.
///
/// Their packed copy lies where the gradients are between steps: it takes no memory but what fills its panels.
public struct TaskValidation {
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
      maximumLength: configuration.taskLength)
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

  /// Each benchmark's result, the same on every rank; nil where it was interrupted. Collective; the gradients are gone
  /// afterwards.
  ///
  /// - Parameter isInterrupted: asked now and then, by all ranks together.
  /// - Throws: `AgreedError`, `CommunicationError`.
  func results(
    _ decoder: Decoder, _ communicator: Communicator, unless isInterrupted: () throws -> Bool
  ) throws -> [TaskResult]? {
    let evaluation = TaskEvaluation(
      decoder, encoder, itemsAtOnce: RunConfiguration.ValidationSection.itemsAtOnce, communicator)
    var results: [TaskResult] = []
    for task in tasks {
      guard let result = try evaluation.result(of: task, unless: isInterrupted) else { return nil }
      results.append(result)
    }
    return results
  }
}
