import Inference
import JSON

/// A validated completion request.
///
/// The fields are OpenAI's, and `top_k`, `min_p`, `repetition_penalty`, `ignore_eos` and `return_token_ids` as in other
/// servers. Unknown fields are ignored, because clients add their own. Known fields that are not supported and would change
/// the response are rejected.
struct CompletionRequest: Sendable, Equatable {
  var prompts: [[Int32]] = []
  /// The maximum number of new tokens per choice.
  var maximumTokens = 16
  /// Choices per prompt.
  var choices = 1
  var sampling = Sampling()
  /// Choice i of the request uses this seed plus i.
  var seed: UInt64 = 0
  /// The number of most likely tokens to report with each token's log-probability; nil for no log-probabilities.
  var logprobs: Int?
  /// Whether the choices' texts begin with their prompts.
  var echoes = false
  var streams = false
  /// Whether a stream ends with the number of tokens.
  var includesUsage = false
  var stops: [String] = []
  /// Whether generation continues after an end-of-text token.
  var ignoresEnd = false
  var returnsTokenIDs = false

  static let maximumNewTokens = 1 << 20
  static let maximumLogprobs = 20
  static let maximumChoices = 128
  static let maximumStops = 32
  static let maximumStopBytes = 1024

  /// The maximum number of log-probabilities in a response.
  static let maximumScores = 1 << 20

  /// - Throws: ``APIError``: 400, or 404 if the request names another model.
  init(_ body: JSONValue, for model: ServedModel, randomSeed: UInt64 = .random(in: 0...UInt64.max))
    throws(APIError)
  {
    let fields = try RequestFields(body)
    try CompletionRequest.refuseUnsupported(fields)
    if let name = fields["model"] {
      guard name.string == model.name else {
        throw APIError(
          404, "model: \(name.described), but this server only has \(quoted(model.name))", parameter: "model",
          code: "model_not_found")
      }
    }
    sampling = try CompletionRequest.sampling(fields)
    seed = try fields.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) } ?? randomSeed
    logprobs = try fields.integer("logprobs", in: 0...CompletionRequest.maximumLogprobs)
    echoes = try fields.flag("echo")
    streams = try fields.flag("stream")
    ignoresEnd = try fields.flag("ignore_eos")
    returnsTokenIDs = try fields.flag("return_token_ids")
    choices = try fields.integer("n", in: 1...CompletionRequest.maximumChoices) ?? 1
    if let best = try fields.integer("best_of", in: 1...CompletionRequest.maximumChoices), best != choices {
      throw .invalid("best_of", "\(best) with n = \(choices): best_of must equal n")
    }
    if let options = fields["stream_options"] {
      if !streams { throw .invalid("stream_options", "needs stream = true") }
      includesUsage = try RequestFields(options).flag("include_usage")
    }
    maximumTokens = try fields.integer("max_tokens", in: 0...CompletionRequest.maximumNewTokens) ?? 16
    if maximumTokens == 0 && !echoes {
      throw .invalid("max_tokens", "0 needs echo = true")
    }
    stops = try fields.texts("stop", atMost: CompletionRequest.maximumStops).filter { !$0.isEmpty }
    if stops.contains(where: { $0.utf8.count > CompletionRequest.maximumStopBytes }) {
      throw .invalid("stop", "a text has more than \(CompletionRequest.maximumStopBytes) bytes")
    }
    if model.text == nil && !stops.isEmpty {
      throw .invalid("stop", "the server has no tokenizer and generates token ids only")
    }
    prompts = try PromptField(fields["prompt"]).tokens(for: model)
    try checkSize(model)
  }

  private static func refuseUnsupported(_ fields: RequestFields) throws(APIError) {
    try fields.refuse("suffix", unless: { $0 == .string("") }, "not supported")
    for name in ["frequency_penalty", "presence_penalty"] {
      try fields.refuse(name, unless: { $0.number == 0 }, "not supported: use repetition_penalty")
    }
    try fields.refuse("logit_bias", unless: { $0.object?.fields.isEmpty ?? false }, "not supported")
  }

  private static func sampling(_ fields: RequestFields) throws(APIError) -> Sampling {
    let topK = try fields.integer("top_k", in: -1...Int(Int32.max)) ?? 0
    return Sampling(
      temperature: try fields.number("temperature", "0 or more") { $0 >= 0 } ?? 1, topK: topK > 0 ? topK : nil,
      topP: try fields.number("top_p", "above 0 and at most 1") { $0 > 0 && $0 <= 1 } ?? 1,
      minP: try fields.number("min_p", "0 to 1") { (0...1).contains($0) } ?? 0,
      repetitionPenalty: try fields.number("repetition_penalty", "above 0") { $0 > 0 } ?? 1)
  }

  private func checkSize(_ model: ServedModel) throws(APIError) {
    let sequences = prompts.count * choices
    if sequences > model.maximumSequences {
      throw .invalid(
        "prompt", "\(prompts.count) prompts with \(choices) choices each, expected at most \(model.maximumSequences)")
    }
    for (index, prompt) in prompts.enumerated() where prompt.count + maximumTokens > model.maximumLength {
      throw APIError(
        400,
        "prompt \(index) has \(prompt.count) tokens, which with max_tokens = \(maximumTokens) exceeds the server's "
          + "maximum length of \(model.maximumLength) tokens",
        parameter: "prompt", code: "context_length_exceeded")
    }
    if scores > CompletionRequest.maximumScores {
      throw .invalid(
        "logprobs",
        "\(scores) log-probabilities, expected at most \(CompletionRequest.maximumScores): request fewer prompts, choices "
          + "or tokens")
    }
  }

  /// The maximum number of log-probabilities in the response.
  var scores: Int {
    guard let logprobs else { return 0 }
    let tokens = prompts.reduce(0) { $0 + maximumTokens + (echoes ? $1.count : 0) }
    return tokens * choices * (logprobs + 1)
  }

  /// An upper bound for the memory of the response until it is sent, in bytes.
  var responseBytes: Int {
    let tokens = prompts.reduce(0) { $0 + maximumTokens + $1.count }
    return tokens * choices * 16 + scores * 128
  }
}
