import Corpus
import Inference
import Training
import Transformer

/// A checkpoint's model, and what its tokens mean.
struct LoadedModel {
  let model: InferenceModel
  let checkpoint: String
  /// The token after each document, where it is known.
  let endOfDocument: Int32?
  let hasTokenizer: Bool

  /// - Parameter tokenizer: `bytes`, or nil for what the checkpoint says.
  /// - Throws: `StorageError`, `InferenceError`.
  init(_ path: String, tokenizer: String?) throws {
    try ErrorReport.requireProcessor()
    checkpoint = path
    let report = try CheckpointReport(path)
    let layout = ParameterLayout(report.configuration.model)
    let weights = try report.checkpoint.withWeights(layout) { read in try InferenceWeights(layout, .fp32, read: read) }
    model = InferenceModel(weights, report.configuration.hiddenDecoding)
    let name = tokenizer ?? report.checkpoint.tokenizer.name
    if let tokenizer, tokenizer != "bytes" {
      throw InferenceError(.usage, "--tokenizer \(tokenizer): this version knows one tokenizer, 'bytes'")
    }
    hasTokenizer = name == "bytes"
    let end = report.checkpoint.tokenizer.endOfDocument ?? (hasTokenizer ? Int(ByteTokenizer().endOfDocument) : nil)
    endOfDocument = end.flatMap { $0 < layout.model.vocabularySize ? Int32($0) : nil }
  }

  /// A prompt's tokens.
  func tokens(of text: String, named name: String) throws -> [Int32] {
    guard hasTokenizer else {
      throw InferenceError(
        .usage,
        "\(checkpoint) names no tokenizer, so \(name) cannot be read as text: give --tokens 1,2,3, or "
          + "--tokenizer bytes if that is what the model was trained on")
    }
    var tokens: [UInt32] = []
    var copy = text
    copy.withUTF8 { ByteTokenizer().encode(UnsafeRawBufferPointer($0), into: &tokens) }
    if tokens.isEmpty { throw InferenceError(.usage, "\(name) is empty: a model needs a token to go on from") }
    let vocabulary = model.configuration.vocabularySize
    if let outside = tokens.first(where: { Int($0) >= vocabulary }) {
      throw InferenceError(
        .usage, "\(name): token \(outside) is outside the model's vocabulary of \(vocabulary) tokens")
    }
    return tokens.map { Int32($0) }
  }
}
