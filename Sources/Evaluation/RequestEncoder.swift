import Corpus

/// The tokens of one choice.
struct ChoiceTokens: Equatable {
  /// What goes through the model: all but the last token.
  let inputs: [Int32]
  /// The continuation's tokens: what the logits of as many last inputs are asked for.
  let targets: [Int32]

  /// The position whose logits the first target is asked of.
  var firstAsked: Int { inputs.count - targets.count }
}

/// The tokens of one item's choices.
struct ItemTokens: Equatable {
  let choices: [ChoiceTokens]
  /// Tokens that all choices begin with, at most up to where the first target is asked of: they go through the model
  /// once.
  let shared: Int

  init(_ choices: [ChoiceTokens]) {
    self.choices = choices
    var shared = choices.map { $0.firstAsked + 1 }.min() ?? 0
    for choice in choices.dropFirst() {
      let same = zip(choice.inputs, choices[0].inputs).prefix { $0 == $1 }.count
      shared = min(shared, same)
    }
    self.shared = shared
  }

  /// Tokens of the longest choice.
  var longest: Int { choices.map(\.inputs.count).max() ?? 0 }
  /// Tokens that would go through the model if nothing was shared.
  var unshared: Int { choices.reduce(0) { $0 + $1.inputs.count } }
}

/// Turns requests into tokens as EleutherAI's lm-evaluation-harness does.
///
/// Spaces at the context's end belong to the continuation; the continuation's tokens are those of both texts together
/// behind as many as the context alone has; an empty context is the end-of-document token; what is too long loses its
/// beginning.
public struct RequestEncoder: Sendable {
  private let text: TokenText
  /// Stands for an empty context.
  private let endOfDocument: Int?
  private let vocabularySize: Int
  private let maximumLength: Int?

  /// - Parameters:
  ///   - endOfDocument: stands for an empty context; nil where nobody knows one.
  ///   - maximumLength: positions of a sequence at the most; nil for any number.
  public init(_ text: TokenText, endOfDocument: Int?, vocabularySize: Int, maximumLength: Int?) {
    self.text = text
    self.endOfDocument = endOfDocument ?? text.endOfDocument
    self.vocabularySize = vocabularySize
    self.maximumLength = maximumLength
  }

  /// Finds out whether all of a benchmark's items can be asked.
  ///
  /// - Throws: as ``tokens(of:)``.
  public func check(_ task: EvaluationTask) throws { for item in task.items { _ = try tokens(of: item) } }

  /// - Throws: ``EvaluationError`` where the continuation alone is longer than the model takes, or a token is outside its
  ///   vocabulary; `InvalidFileError`.
  func tokens(of item: TaskItem) throws -> ItemTokens {
    // Most choices have one context.
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
      // The last token reaches from the context into the continuation.
      (context, continuation) = (whole.dropLast(), whole.suffix(1))
    }
    if context.isEmpty {
      guard let endOfDocument else {
        throw EvaluationError(
          .badData,
          "\(item.place): the context is empty, and the tokenizer has no token that ends a document to stand for it; "
            + "give items a context")
      }
      context = [endOfDocument]
    }
    if let outside = (context + continuation).first(where: { $0 >= vocabularySize }) {
      throw EvaluationError(
        .badData,
        "\(item.place): token \(outside) is outside the model's vocabulary of \(vocabularySize) tokens: the tokenizer "
          + "is not the one that the model was trained with")
    }
    if let maximumLength, continuation.count > maximumLength {
      throw EvaluationError(
        .badData,
        "\(item.place): a continuation has \(continuation.count) tokens, more than the \(maximumLength) that the model "
          + "takes: leave the item out, or raise --max-length")
    }
    let all = (context + continuation).suffix((maximumLength ?? .max - 1) + 1).map { Int32($0) }
    return ChoiceTokens(inputs: all.dropLast(), targets: all.suffix(continuation.count))
  }
}
