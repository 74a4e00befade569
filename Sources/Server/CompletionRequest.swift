import Inference
import JSON

/// A request for completions, checked.
///
/// Fields are OpenAI's; `top_k`, `min_p`, `repetition_penalty`, `ignore_eos` and `return_token_ids` are added, as other
/// servers have them. Fields that nobody knows are ignored, as clients add their own; those that would change the answer
/// and are not supported are refused by name.
struct CompletionRequest: Sendable, Equatable {
  var prompts: [[Int32]] = []
  /// New tokens of each choice at the most.
  var maximumTokens = 16
  /// Choices for each prompt.
  var choices = 1
  var sampling = Sampling()
  /// Choice i of all draws from this + i.
  var seed: UInt64 = 0
  /// How many of the likeliest tokens are told beside each token's log-probability; nil for neither.
  var logprobs: Int?
  /// Whether the choices' texts begin with their prompts.
  var echoes = false
  var streams = false
  /// Whether a stream ends with a count of tokens.
  var includesUsage = false
  var stops: [String] = []
  /// Whether a token that ends a text is one like others.
  var ignoresEnd = false
  var returnsTokenIDs = false

  static let mostTokensAtOnce = 1 << 20
  static let mostLogprobs = 20
  static let mostChoices = 128
  static let mostStops = 32
  static let longestStop = 1024

  /// Log-probabilities in a response at the most.
  static let mostScores = 1 << 20

  /// - Throws: ``APIError``: 400, or 404 where another model is asked for.
  init(_ body: JSONValue, for model: ServedModel, randomSeed: UInt64 = .random(in: 0...UInt64.max))
    throws(APIError)
  {
    let fields = try RequestFields(body)
    try CompletionRequest.refuseUnsupported(fields)
    if let name = fields["model"] {
      guard name.string == model.name else {
        throw APIError(
          404, "model: \(name.described), but this server has \(quoted(model.name)) alone", parameter: "model",
          code: "model_not_found")
      }
    }
    sampling = try CompletionRequest.sampling(fields)
    seed = try fields.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) } ?? randomSeed
    logprobs = try fields.integer("logprobs", in: 0...CompletionRequest.mostLogprobs)
    echoes = try fields.flag("echo")
    streams = try fields.flag("stream")
    ignoresEnd = try fields.flag("ignore_eos")
    returnsTokenIDs = try fields.flag("return_token_ids")
    choices = try fields.integer("n", in: 1...CompletionRequest.mostChoices) ?? 1
    if let best = try fields.integer("best_of", in: 1...CompletionRequest.mostChoices), best != choices {
      throw .invalid("best_of", "\(best) with n = \(choices): choosing among more than n is not supported")
    }
    if let options = fields["stream_options"] {
      if !streams { throw .invalid("stream_options", "given without stream = true") }
      includesUsage = try RequestFields(options).flag("include_usage")
    }
    maximumTokens = try fields.integer("max_tokens", in: 0...CompletionRequest.mostTokensAtOnce) ?? 16
    if maximumTokens == 0 && !echoes {
      throw .invalid("max_tokens", "0 without echo = true leaves nothing to answer")
    }
    stops = try fields.texts("stop", atMost: CompletionRequest.mostStops).filter { !$0.isEmpty }
    if stops.contains(where: { $0.utf8.count > CompletionRequest.longestStop }) {
      throw .invalid("stop", "a text of more than \(CompletionRequest.longestStop) bytes")
    }
    if model.text == nil && !stops.isEmpty {
      throw .invalid("stop", "the server knows no tokenizer, so there is no text to look for it in")
    }
    prompts = try PromptField(fields["prompt"]).tokens(for: model)
    try checkSize(model)
  }

  private static func refuseUnsupported(_ fields: RequestFields) throws(APIError) {
    try fields.refuse("suffix", unless: { $0 == .string("") }, "text before a suffix is not supported")
    for name in ["frequency_penalty", "presence_penalty"] {
      try fields.refuse(name, unless: { $0.number == 0 }, "not supported; repetition_penalty is")
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
        "prompt", "\(prompts.count) prompts of \(choices) choices each; a request may have \(model.maximumSequences)")
    }
    for (index, prompt) in prompts.enumerated() where prompt.count + maximumTokens > model.maximumLength {
      throw APIError(
        400,
        "prompt \(index) has \(prompt.count) tokens; with max_tokens = \(maximumTokens) that is more than the server's "
          + "maximum length of \(model.maximumLength) tokens",
        parameter: "prompt", code: "context_length_exceeded")
    }
    if scores > CompletionRequest.mostScores {
      throw .invalid(
        "logprobs",
        "\(scores) log-probabilities would be told; a response may have \(CompletionRequest.mostScores): ask for fewer "
          + "prompts, choices or tokens")
    }
  }

  /// Log-probabilities that the response may tell.
  var scores: Int {
    guard let logprobs else { return 0 }
    let tokens = prompts.reduce(0) { $0 + maximumTokens + (echoes ? $1.count : 0) }
    return tokens * choices * (logprobs + 1)
  }

  /// Bytes of memory that the response may take until it is sent: JSON, and what it is made of.
  var responseBytes: Int {
    let tokens = prompts.reduce(0) { $0 + maximumTokens + $1.count }
    return tokens * choices * 16 + scores * 128
  }
}
