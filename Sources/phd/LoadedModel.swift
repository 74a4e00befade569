import Configuration
import Corpus
import Evaluation
import Inference
import Kernels
import RunFiles
import Training
import Transformer

/// A checkpoint's model, still without its weights, and what its tokens mean.
struct LoadedModel {
  /// Its run's name, or its file's.
  let name: String
  let layout: ParameterLayout
  let hiddenDecoding: HiddenDecoding
  /// The tokens that end a text, as far as they are known.
  let endTokens: Set<Int32>
  /// Nil where nobody knows what the tokens mean.
  let text: TokenText?
  /// The token after each document, else the first that ends a text, where one is known.
  private let endOfDocument: Int?
  /// Positions of the longest text that the model was made for, else of the samples that it was trained on.
  let maximumLength: Int?

  private let checkpoint: Checkpoint

  /// - Parameter tokenizer: `bytes`, a tokenizer.json or a folder with one; nil for what the checkpoint says.
  /// - Throws: `StorageError`, `InferenceError`; `InvalidFileError`, also where the checkpoint names another tokenizer.
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

  /// The model with its weights, straight from the file to where decoding reads them.
  ///
  /// - Throws: `StorageError`.
  func withWeights(_ precision: ElementType) throws -> InferenceModel {
    let weights = try checkpoint.withWeights(layout) { read in try InferenceWeights(layout, precision, read: read) }
    return InferenceModel(weights, hiddenDecoding)
  }

  /// What turns benchmarks' requests into tokens.
  ///
  /// - Parameter maximumLength: in place of the model's own.
  /// - Throws: `ConfigurationError` where nobody knows what the tokens mean.
  func encoder(maximumLength: Int?) throws -> RequestEncoder {
    guard let text else { throw ConfigurationError("\(unknownTokenizer), so no text can be asked of it: \(advice)") }
    return RequestEncoder(
      text, endOfDocument: endOfDocument, vocabularySize: layout.model.vocabularySize,
      maximumLength: maximumLength ?? self.maximumLength)
  }

  private var unknownTokenizer: String {
    "\(checkpoint.path) "
      + (checkpoint.tokenizer.name.map { "does not hold its tokenizer, \($0)" } ?? "names no tokenizer")
  }

  private let advice = "give --tokenizer PATH, or --tokenizer bytes if that is what the model was trained on"

  /// A prompt's tokens.
  func tokens(of text: String, named name: String) throws -> [Int32] {
    guard let known = self.text else {
      throw InferenceError(
        .usage, "\(unknownTokenizer), so \(name) cannot be read as text: give --tokens 1,2,3; or \(advice)")
    }
    let tokens = try known.tokens(of: text)
    if tokens.isEmpty { throw InferenceError(.usage, "\(name) is empty: a model needs a token to go on from") }
    let vocabulary = layout.model.vocabularySize
    if let outside = tokens.first(where: { $0 >= vocabulary }) {
      throw InferenceError(
        .usage, "\(name): token \(outside) is outside the model's vocabulary of \(vocabulary) tokens")
    }
    return tokens.map { Int32($0) }
  }
}
