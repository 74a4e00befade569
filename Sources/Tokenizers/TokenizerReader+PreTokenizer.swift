import JSON

extension TokenizerReader {
  /// Reads the steps of a pre-tokenizer.
  ///
  /// - Parameter isByteLevel: whether a ByteLevel step was read. It spells the bytes, so no other step may follow.
  /// - Throws: `InvalidFileError`.
  func readPreTokenizer(
    _ component: JSONValue?, into preTokenizer: inout PreTokenizer, _ isByteLevel: inout Bool
  ) throws {
    guard let component, component != .null else { return }
    let place = "pre_tokenizer"
    let type = try type(of: component, place)
    if type == "Sequence" {
      guard let parts = component["pretokenizers"]?.array else { throw error("\(place) has no list \"pretokenizers\"") }
      for part in parts { try readPreTokenizer(part, into: &preTokenizer, &isByteLevel) }
      return
    }
    if isByteLevel { throw error("\(place): \(quoted(type)) comes after ByteLevel, which is not supported") }
    switch type {
    case "ByteLevel":
      isByteLevel = true
      if try flag("add_prefix_space", of: component, place, default: true) { preTokenizer.steps.append(.prefixSpace) }
      if try flag("use_regex", of: component, place, default: true) {
        preTokenizer.steps.append(.split(Splitting(pattern: .words(.gpt2), behavior: .isolated)))
      }
    case "Split": preTokenizer.steps.append(.split(try splitting(component)))
    case "Digits":
      let isIndividual = try flag("individual_digits", of: component, place)
      preTokenizer.steps.append(
        .split(Splitting(pattern: .number, behavior: isIndividual ? .isolated : .contiguous)))
    default:
      throw error("has the pre_tokenizer \(quoted(type)); ByteLevel, Split, Digits and Sequence are supported")
    }
  }

  private func splitting(_ component: JSONValue) throws -> Splitting {
    let place = "pre_tokenizer Split"
    guard let name = component["behavior"]?.string, let behavior = Splitting.Behavior(rawValue: name) else {
      let names = Splitting.Behavior.allCases.map(\.rawValue).joined(separator: ", ")
      throw error(
        "\(place) has the behavior \(component["behavior"]?.described ?? "nothing"); expected one of \(names)")
    }
    let pattern: SplitPattern
    if let text = component["pattern"]?["Regex"]?.string {
      if let words = WordPattern(regularExpression: text) {
        pattern = .words(words)
      } else {
        pattern = .regularExpression(try OnigPattern(text, path: path))
      }
    } else if let text = component["pattern"]?["String"]?.string {
      guard !text.isEmpty else { throw error("\(place) has an empty pattern") }
      pattern = .literal(Array(text.utf8))
    } else {
      throw error("\(place) has no pattern of the form {\"Regex\": …} or {\"String\": …}")
    }
    return Splitting(pattern: pattern, behavior: behavior, isInverted: try flag("invert", of: component, place))
  }
}
