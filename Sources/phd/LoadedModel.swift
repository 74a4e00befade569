import Configuration
import Corpus
import Evaluation
import Inference
import Kernels
import RunFiles
import Training
import Transformer

/// A checkpoint's model without its weights, and its tokenizer.
struct LoadedModel {
  /// The name of the run, or of the checkpoint's file.
  let name: String
  let layout: ParameterLayout
  let hiddenDecoding: HiddenDecoding
  /// The known end-of-text tokens.
  let endTokens: Set<Int32>
  /// Nil if the tokenizer is unknown.
  let text: TokenText?
  /// The token after each document, else the first end-of-text token, else nil.
  private let endOfDocument: Int?
  /// The model's maximum number of positions, else the length of its training samples.
  let maximumLength: Int?

  private let checkpoint: Checkpoint

  /// - Parameter tokenizer: `bytes`, a tokenizer.json or a folder with one; nil for the checkpoint's own.
  /// - Throws: `StorageError`, `InferenceError`; `InvalidFileError`, also if the checkpoint names a different tokenizer.
  init(_ path: String, tokenizer: String?) throws {
    try RunSetup.requireProcessor()
    let report = try CheckpointReport(path)
    checkpoint = report.checkpoint
    name = report.saved.name
    layout = ParameterLayout(report.saved.model)
    hiddenDecoding = report.saved.hiddenDecoding
    text = try TokenText(checkpoint, named: tokenizer)
    let vocabulary = layout.model.vocabularySize
    let ends = report.saved.description.metadata.endOfText
    let end = checkpoint.tokenizer.endOfDocument ?? text?.endOfDocument
    endOfDocument = end ?? ends.first
    maximumLength = report.saved.exported(checkpoint.tokenizer).metadata.maxPositionEmbeddings
    endTokens = Set((ends + (end.map { [$0] } ?? [])).filter { $0 < vocabulary }.map { Int32($0) })
  }

  /// The model with its weights, which are read directly into the layout for decoding.
  ///
  /// - Throws: `StorageError`.
  func withWeights(_ precision: ElementType) throws -> InferenceModel {
    let weights = try checkpoint.withWeights(layout) { read in try InferenceWeights(layout, precision, read: read) }
    return InferenceModel(weights, hiddenDecoding)
  }

  /// The encoder that tokenizes benchmarks' requests.
  ///
  /// - Parameter maximumLength: nil for the model's ``maximumLength``.
  /// - Throws: `ConfigurationError` if the tokenizer is unknown.
  func encoder(maximumLength: Int?) throws -> RequestEncoder {
    guard let text else { throw ConfigurationError("\(unknownTokenizer): \(advice)") }
    return RequestEncoder(
      text, endOfDocument: endOfDocument, vocabularySize: layout.model.vocabularySize,
      maximumLength: maximumLength ?? self.maximumLength)
  }

  private var unknownTokenizer: String {
    "\(checkpoint.path) has no tokenizer"
      + (checkpoint.tokenizer.name.map { "; the corpus of its run was tokenized with \($0)" } ?? "")
  }

  private let advice = "pass --tokenizer PATH, or --tokenizer bytes if the model was trained on bytes"

  /// A prompt's tokens.
  ///
  /// - Parameter name: the prompt's option or place, for error messages.
  /// - Throws: `InferenceError`, `InvalidFileError`.
  func tokens(of text: String, named name: String) throws -> [Int32] {
    guard let known = self.text else {
      throw InferenceError(
        .usage, "\(unknownTokenizer), which \(name) needs: use --tokens 1,2,3, or \(advice)")
    }
    let tokens = try known.tokens(of: text)
    if tokens.isEmpty { throw InferenceError(.usage, "\(name) is empty: expected at least one token") }
    let vocabulary = layout.model.vocabularySize
    if let outside = tokens.first(where: { $0 >= vocabulary }) {
      throw InferenceError(
        .usage, "\(name): token \(outside) is outside the model's vocabulary of \(vocabulary) tokens")
    }
    return tokens.map { Int32($0) }
  }
}
