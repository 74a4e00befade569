import JSON

/// The field `prompt`: a text, a list of texts, a list of token ids, or a list of such lists.
struct PromptField {
  private enum Prompt {
    case text(String)
    case tokens([JSONValue])
  }

  private let prompts: [Prompt]

  /// - Throws: ``APIError`` for other values.
  init(_ value: JSONValue?) throws(APIError) {
    guard let value else { throw .invalid("prompt", "missing, expected a text, a list of texts, or token ids") }
    if let text = value.string {
      prompts = [.text(text)]
      return
    }
    guard let list = value.array, let first = list.first else {
      throw .invalid("prompt", "\(value.described), expected a text, a list of texts, or token ids")
    }
    if first.number != nil {
      prompts = [.tokens(list)]
      return
    }
    var prompts: [Prompt] = []
    for element in list {
      if let text = element.string {
        prompts.append(.text(text))
      } else if let tokens = element.array {
        prompts.append(.tokens(tokens))
      } else {
        throw .invalid("prompt", "\(element.described) in the list, expected a text or a list of token ids")
      }
    }
    self.prompts = prompts
  }

  /// - Throws: ``APIError`` if a prompt is empty, or if a token is outside the model's vocabulary.
  func tokens(for model: ServedModel) throws(APIError) -> [[Int32]] {
    var all: [[Int32]] = []
    for (index, prompt) in prompts.enumerated() {
      let name = prompts.count == 1 ? "the prompt" : "prompt \(index)"
      let tokens =
        switch prompt {
        case .text(let text): try encode(text, name, model)
        case .tokens(let list): try check(list, name, model)
        }
      if tokens.isEmpty { throw .invalid("prompt", "\(name) is empty: expected at least one token") }
      all.append(tokens)
    }
    return all
  }

  private func encode(_ string: String, _ name: String, _ model: ServedModel) throws(APIError) -> [Int32] {
    guard let text = model.text else {
      throw .invalid(
        "prompt", "\(name) is a text, but the server has no tokenizer: send token ids, or start it with --tokenizer")
    }
    if string.utf8.count > model.maximumTextBytes {
      throw APIError(
        400,
        "\(name) has \(string.utf8.count) bytes, which exceeds the server's maximum length of \(model.maximumLength) tokens",
        parameter: "prompt", code: "context_length_exceeded")
    }
    let tokens: [Int]
    do {
      tokens = try text.tokens(of: string)
    } catch {
      throw .invalid("prompt", "\(name): \(error)")
    }
    return try tokens.map { token throws(APIError) in try checked(token, name, model) }
  }

  private func check(_ list: [JSONValue], _ name: String, _ model: ServedModel) throws(APIError) -> [Int32] {
    if list.count > model.maximumLength {
      throw APIError(
        400, "\(name) has \(list.count) tokens, which exceeds the server's maximum length of \(model.maximumLength)",
        parameter: "prompt", code: "context_length_exceeded")
    }
    return try list.map { value throws(APIError) in
      guard let token = value.integer else {
        throw .invalid("prompt", "\(name): \(value.described) in a list of token ids")
      }
      return try checked(token, name, model)
    }
  }

  private func checked(_ token: Int, _ name: String, _ model: ServedModel) throws(APIError) -> Int32 {
    guard (0..<model.vocabularySize).contains(token) else {
      throw .invalid("prompt", "\(name): token \(token) is outside the model's vocabulary of \(model.vocabularySize)")
    }
    return Int32(token)
  }
}
