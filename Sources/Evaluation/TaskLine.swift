import JSON

/// A line of a file of items: a JSON object whose fields are asked for by name and kind.
struct TaskLine {
  let json: JSONValue
  /// The file and the line, for messages.
  let place: String

  /// - Throws: ``EvaluationError`` where the bytes are not one JSON object.
  init(_ bytes: [UInt8], file: String, number: Int) throws {
    let place = "\(file), line \(number)"
    do {
      json = try JSONValue(parsing: bytes, as: .python)
    } catch {
      throw EvaluationError(
        .badData, "\(place): is not valid JSON (column \(error.column): \(error.message)): expected one object a line")
    }
    self.place = place
    guard json.object != nil else { throw self.error("is \(json.described): expected one JSON object a line") }
  }

  init(_ json: JSONValue, place: String) {
    self.json = json
    self.place = place
  }

  func error(_ message: String) -> EvaluationError { EvaluationError(.badData, "\(place): \(message)") }

  /// Where the field is missing that says which choice is right.
  func noLabel(_ name: String) -> EvaluationError {
    EvaluationError(
      .noLabels,
      "\(place): has no \"\(name)\": without the right choice there is no accuracy; name a split that has labels")
  }

  /// The string of a field.
  func string(_ name: String) throws -> String {
    guard let value = json[name] else { throw error("has no field \"\(name)\"") }
    guard let text = value.string else { throw error("\"\(name)\" is \(value.described): expected a string") }
    return text
  }

  private static let expectedStrings = "expected a list of two or more strings"

  /// The strings of a field that is a list of at least two.
  func strings(_ name: String) throws -> [String] {
    guard let value = json[name] else { throw error("has no field \"\(name)\"") }
    guard let values = value.array else {
      throw error("\"\(name)\" is \(value.described): \(TaskLine.expectedStrings)")
    }
    let texts = try values.enumerated().map { index, element in
      guard let text = element.string else {
        throw error("\"\(name)\" has \(element.described) as element \(index): \(TaskLine.expectedStrings)")
      }
      return text
    }
    guard texts.count >= 2 else {
      let count = texts.isEmpty ? "is an empty list" : "is a list of one"
      throw error("\"\(name)\" \(count): \(TaskLine.expectedStrings)")
    }
    return texts
  }

  /// The index of the right choice that a field says, as a number or the text of one, less `first`.
  func label(_ name: String, of choices: Int, countedFrom first: Int = 0) throws -> Int {
    guard let value = json[name], value != .null, value.string != "" else { throw noLabel(name) }
    guard let number = value.integer ?? value.string.flatMap({ Int($0) }), (first..<first + choices).contains(number)
    else {
      throw error("\"\(name)\" is \(value.described): expected a number from \(first) to \(first + choices - 1)")
    }
    return number - first
  }

  /// Checks that there is something to ask for.
  ///
  /// - Throws: ``EvaluationError`` where a continuation is empty.
  func item(_ requests: [TaskRequest], label: Int) throws -> TaskItem {
    if let empty = requests.firstIndex(where: { PythonText.stripped($0.continuation).isEmpty }) {
      throw error("choice \(empty) is empty: there is nothing to ask the likelihood of")
    }
    return TaskItem(requests: requests, label: label, place: place)
  }
}
