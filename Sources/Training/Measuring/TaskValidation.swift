import Communication
import Configuration
import Corpus
import Evaluation
import Inference
import Kernels
import RunFiles
import Transformer

/// Evaluates the benchmarks of `validation.tasks` with the current weights.
///
/// The packed copy of the weights uses the memory of the gradients, plus a little padding.
public struct TaskValidation {
  private let tasks: [EvaluationTask]
  private let encoder: RequestEncoder
  /// Warnings about files that were skipped.
  let notes: [String]

  /// Reads the benchmarks; nil if `validation.tasks` is not set.
  ///
  /// - Throws: `StorageError`; `EvaluationError`, also for an item that does not fit the model; `InvalidFileError`;
  ///   ``ConfigurationError`` if the corpora do not contain their tokenizer.
  init?(_ configuration: RunConfiguration, _ tokenizer: TokenizerIdentity) throws {
    let validation = configuration.validation
    if validation.tasks.isEmpty { return nil }
    guard let text = try TokenText(tokenizer) else {
      let named = tokenizer.name.map { "do not contain their tokenizer, \($0)" } ?? "have no tokenizer"
      throw ConfigurationError(
        "validation.tasks: the training corpora \(named), so benchmarks cannot be tokenized: build the corpora from "
          + "text with `phd corpus build --tokenizer PATH`, or from tokens with --made-with PATH")
    }
    encoder = RequestEncoder(
      text, endOfDocument: tokenizer.endOfDocument, vocabularySize: configuration.model.vocabularySize,
      maximumLength: configuration.taskLength)
    var notes: [String] = []
    tasks = try TaskReader.tasks(validation.tasks, limit: validation.taskItems) { notes.append($0) }
    self.notes = notes
    // Report errors now, not hours into the run.
    for task in tasks { try encoder.check(task) }
  }

  /// The benchmarks, for the check that all ranks have the same.
  var entries: [FileConsistency.Entry] {
    tasks.map { FileConsistency.Entry("validation.tasks, \($0.name)", read: $0.fingerprint) }
  }

  /// Each benchmark's result, the same on every rank; nil if interrupted. Overwrites the gradients. Collective.
  ///
  /// - Parameter isInterrupted: called from time to time, on all ranks.
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
