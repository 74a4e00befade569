import Inference
import JSON

/// One choice of a completion, while its tokens are generated.
struct Choice: Sendable {
  private let request: CompletionRequest
  private let model: ServedModel
  private let index: Int
  private var generated: GeneratedText
  /// The prompt's text, if it is echoed.
  private var echo: String = ""
  private var offset = TextOffset()
  private(set) var promptTokens: [Int32]
  private(set) var tokens: [Int32] = []
  private(set) var reason: EndReason?

  /// The text that has not been streamed yet; without streaming, the whole text.
  private var text = ""
  private var lists = LogprobLists()
  private var hasNewTokens = false
  private var newTokens: [Int32] = []
  private var hasSentPrompt = false

  init(_ index: Int, of prompt: [Int32], _ request: CompletionRequest, _ model: ServedModel) {
    self.request = request
    self.model = model
    self.index = index
    promptTokens = prompt
    generated = GeneratedText(stops: request.stops)
    if request.echoes {
      let bytes = prompt.flatMap { spelling(of: $0) }
      text = String(decoding: bytes, as: UTF8.self)
      hasNewTokens = !bytes.isEmpty
      if request.logprobs != nil { append(prompt[0], nil, bytes: spelling(of: prompt[0])) }
    }
  }

  private func spelling(of token: Int32) -> [UInt8] { model.text?.spelling(of: Int(token)) ?? [] }

  private mutating func append(_ token: Int32, _ score: TokenScore?, bytes: [UInt8]) {
    lists.append(token, score, offset: offset.start(of: bytes), model)
    offset.add(bytes)
    hasNewTokens = true
  }

  /// The number of prompt tokens that have been scored.
  private var scored = 1

  mutating func promptScored(_ scores: [TokenScore]) {
    guard request.echoes else { return }
    for score in scores {
      append(promptTokens[scored], score, bytes: spelling(of: promptTokens[scored]))
      scored += 1
    }
  }

  /// - Returns: whether the choice continues.
  mutating func add(_ token: Int32, _ score: TokenScore?, ends: Bool) -> Bool {
    tokens.append(token)
    newTokens.append(token)
    let bytes = ends ? [] : model.text?.bytes(of: Int(token)) ?? []
    text += generated.add(bytes)
    // The end-of-text token has a log-probability too, because clients expect one per generated token.
    if score != nil { append(token, score, bytes: bytes) }
    return !generated.isStopped
  }

  mutating func end(_ reason: EndReason) {
    self.reason = reason
    text += generated.finish()
  }

  /// The changes since the last piece; nil if there is nothing to send.
  mutating func takePiece() -> JSONValue? {
    guard hasNewTokens || !text.isEmpty || reason != nil || (request.returnsTokenIDs && !newTokens.isEmpty) else {
      return nil
    }
    defer {
      (text, lists, hasNewTokens, newTokens, hasSentPrompt) = ("", LogprobLists(), false, [], true)
    }
    return json
  }

  /// The choice; with streaming, its changes.
  var json: JSONValue {
    var fields: JSONValue = [
      "text": .string(text), "index": .integer(index), "logprobs": request.logprobs != nil ? lists.json : .null,
      "finish_reason": finishReason,
    ]
    if request.returnsTokenIDs, var object = fields.object {
      if !hasSentPrompt { object["prompt_token_ids"] = .array(promptTokens.map { .integer(Int($0)) }) }
      object["token_ids"] = .array(newTokens.map { .integer(Int($0)) })
      fields = .object(object)
    }
    return fields
  }

  private var finishReason: JSONValue {
    switch reason {
    case .stop: "stop"
    case .length: "length"
    case .failed: "error"
    case nil: nil
    }
  }
}
