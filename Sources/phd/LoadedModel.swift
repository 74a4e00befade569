import Corpus
import Inference
import Kernels
import Training
import Transformer

/// A checkpoint's model, still without its weights, and what its tokens mean.
struct LoadedModel {
  let layout: ParameterLayout
  let hiddenDecoding: HiddenDecoding
  /// The token after each document, where it is known.
  let endOfDocument: Int32?
  let hasTokenizer: Bool

  private let checkpoint: Checkpoint

  /// - Parameter tokenizer: `bytes`, or nil for what the checkpoint says.
  /// - Throws: `StorageError`, `InferenceError`.
  init(_ path: String, tokenizer: String?) throws {
    try ErrorReport.requireProcessor()
    let report = try CheckpointReport(path)
    checkpoint = report.checkpoint
    layout = ParameterLayout(report.saved.model)
    hiddenDecoding = report.saved.hiddenDecoding
    let name = tokenizer ?? checkpoint.tokenizer.name
    if let tokenizer, tokenizer != "bytes" {
      throw InferenceError(.usage, "--tokenizer \(tokenizer): this version knows one tokenizer, 'bytes'")
    }
    hasTokenizer = name == "bytes"
    let end = checkpoint.tokenizer.endOfDocument ?? (hasTokenizer ? Int(ByteTokenizer().endOfDocument) : nil)
    let vocabulary = layout.model.vocabularySize
    endOfDocument = end.flatMap { $0 < vocabulary ? Int32($0) : nil }
  }

  /// The model with its weights, straight from the file to where decoding reads them.
  ///
  /// - Throws: `StorageError`.
  func withWeights(_ precision: ElementType) throws -> InferenceModel {
    let weights = try checkpoint.withWeights(layout) { read in try InferenceWeights(layout, precision, read: read) }
    return InferenceModel(weights, hiddenDecoding)
  }

  /// A prompt's tokens.
  func tokens(of text: String, named name: String) throws -> [Int32] {
    guard hasTokenizer else {
      throw InferenceError(
        .usage,
        "\(checkpoint.path) names no tokenizer, so \(name) cannot be read as text: give --tokens 1,2,3, or "
          + "--tokenizer bytes if that is what the model was trained on")
    }
    var tokens: [UInt32] = []
    var copy = text
    copy.withUTF8 { ByteTokenizer().encode(UnsafeRawBufferPointer($0), into: &tokens) }
    if tokens.isEmpty { throw InferenceError(.usage, "\(name) is empty: a model needs a token to go on from") }
    let vocabulary = layout.model.vocabularySize
    if let outside = tokens.first(where: { Int($0) >= vocabulary }) {
      throw InferenceError(
        .usage, "\(name): token \(outside) is outside the model's vocabulary of \(vocabulary) tokens")
    }
    return tokens.map { Int32($0) }
  }
}
