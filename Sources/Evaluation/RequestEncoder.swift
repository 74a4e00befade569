import Corpus

/// The tokens of one choice.
struct ChoiceTokens: Equatable {
  /// The model's input: all tokens but the last.
  let inputs: [Int32]
  /// The continuation's tokens, predicted by the last `targets.count` inputs.
  let targets: [Int32]

  /// The position that predicts the first target.
  var firstPredicting: Int { inputs.count - targets.count }
}

/// The tokens of one item's choices.
struct ItemTokens: Equatable {
  let choices: [ChoiceTokens]
  /// The length of the inputs' common prefix, up to and including the position that predicts the first target. The
  /// model processes it once.
  let shared: Int

  init(_ choices: [ChoiceTokens]) {
    self.choices = choices
    var shared = choices.map { $0.firstPredicting + 1 }.min() ?? 0
    for choice in choices.dropFirst() {
      let same = zip(choice.inputs, choices[0].inputs).prefix { $0 == $1 }.count
      shared = min(shared, same)
    }
    self.shared = shared
  }

  /// The input length of the longest choice.
  var longest: Int { choices.map(\.inputs.count).max() ?? 0 }
  /// The number of input tokens if each choice were processed separately.
  var unshared: Int { choices.reduce(0) { $0 + $1.inputs.count } }
}

/// Tokenizes requests like EleutherAI's lm-evaluation-harness.
///
/// Spaces at the context's end move to the continuation. Context and continuation are tokenized together; the
/// continuation's tokens are those after the first n, where n is the number of tokens of the context alone. The
/// end-of-document token replaces an empty context. Sequences that are too long are truncated from the
/// left.
public struct RequestEncoder: Sendable {
  private let text: TokenText
  /// Replaces an empty context.
  private let endOfDocument: Int?
  private let vocabularySize: Int
  private let maximumLength: Int?

  /// - Parameters:
  ///   - endOfDocument: the token for an empty context; if nil, the tokenizer's own, if it has one.
  ///   - maximumLength: the maximum number of positions in a sequence; nil for no limit.
  public init(_ text: TokenText, endOfDocument: Int?, vocabularySize: Int, maximumLength: Int?) {
    self.text = text
    self.endOfDocument = endOfDocument ?? text.endOfDocument
    self.vocabularySize = vocabularySize
    self.maximumLength = maximumLength
  }

  /// Checks that all items of a benchmark can be tokenized.
  ///
  /// - Throws: like ``tokens(of:)``.
  public func check(_ task: EvaluationTask) throws { for item in task.items { _ = try tokens(of: item) } }

  /// - Throws: ``EvaluationError`` if the continuation alone is longer than `maximumLength`, or a token is outside the
  ///   vocabulary; `InvalidFileError`.
  func tokens(of item: TaskItem) throws -> ItemTokens {
    // Most items have the same context in all choices.
    var known: (text: String, tokens: [Int])?
    return ItemTokens(
      try item.requests.map { request in
        let (context, continuation) = RequestEncoder.split(request)
        let contextTokens: [Int]
        if let known, known.text.utf8.elementsEqual(context.utf8) {
          contextTokens = known.tokens
        } else {
          contextTokens = try text.tokens(of: context)
          known = (context, contextTokens)
        }
        return try choice(contextTokens, try text.tokens(of: context + continuation), item)
      })
  }

  /// The request with the spaces at the context's end moved to the continuation.
  static func split(_ request: TaskRequest) -> (context: String, continuation: String) {
    let context = request.context.unicodeScalars
    guard let last = context.lastIndex(where: { !PythonText.isSpace($0) }) else {
      return ("", request.context + request.continuation)
    }
    let end = context.index(after: last)
    return (String(context[..<end]), String(context[end...]) + request.continuation)
  }

  private func choice(_ context: [Int], _ whole: [Int], _ item: TaskItem) throws -> ChoiceTokens {
    var context = context
    var continuation = Array(whole.dropFirst(context.count))
    if continuation.isEmpty {
      // The last token spans the end of the context and the whole continuation.
      (context, continuation) = (whole.dropLast(), whole.suffix(1))
    }
    if context.isEmpty {
      guard let endOfDocument else {
        throw EvaluationError(
          .badData,
          "\(item.place): the context is empty, and the tokenizer has no end-of-document token to replace it: add a "
            + "context to each item")
      }
      context = [endOfDocument]
    }
    if let outside = (context + continuation).first(where: { $0 >= vocabularySize }) {
      throw EvaluationError(
        .badData,
        "\(item.place): token \(outside) is outside the model's vocabulary of \(vocabularySize) tokens: use the tokenizer "
          + "that the model was trained with")
    }
    if let maximumLength, continuation.count > maximumLength {
      throw EvaluationError(
        .badData,
        "\(item.place): a continuation has \(continuation.count) tokens, the maximum is \(maximumLength): remove the "
          + "item, or raise --max-length")
    }
    let all = (context + continuation).suffix((maximumLength ?? (.max - 1)) + 1).map { Int32($0) }
    return ChoiceTokens(inputs: all.dropLast(), targets: all.suffix(continuation.count))
  }
}
