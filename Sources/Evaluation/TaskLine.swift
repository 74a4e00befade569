import JSON

/// One line of a benchmark file: a JSON object, with errors that name the field and the line.
struct TaskLine {
  let json: JSONValue
  /// The file and the line, for error messages.
  let place: String

  /// - Throws: ``EvaluationError`` if the bytes are not one JSON object.
  init(_ bytes: [UInt8], file: String, number: Int) throws {
    let place = "\(file), line \(number)"
    do {
      json = try JSONValue(parsing: bytes, as: .python)
    } catch {
      throw EvaluationError(
        .badData,
        "\(place): is not valid JSON (column \(error.column): \(error.message)): expected one object per line")
    }
    self.place = place
    guard json.object != nil else { throw self.error("is \(json.described): expected one JSON object per line") }
  }

  init(_ json: JSONValue, place: String) {
    self.json = json
    self.place = place
  }

  /// Whether the object has all of these fields.
  func has(_ names: String...) -> Bool { names.allSatisfy { json[$0] != nil } }

  func error(_ message: String) -> EvaluationError { EvaluationError(.badData, "\(place): \(message)") }

  /// The error for a missing field that contains the right choice.
  func noLabel(_ name: String) -> EvaluationError {
    EvaluationError(
      .noLabels,
      "\(place): has no \"\(name)\": the accuracy cannot be computed without the right choice; use a split with labels")
  }

  /// A field's string.
  func string(_ name: String) throws -> String {
    guard let value = json[name] else { throw error("has no field \"\(name)\"") }
    guard let text = value.string else { throw error("\"\(name)\" is \(value.described): expected a string") }
    return text
  }

  private static let expectedStrings = "expected a list of two or more strings"

  /// The strings of a field that is a list of two or more.
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

  /// The index of the right choice.
  ///
  /// - Parameters:
  ///   - name: the field that contains the choice as a number or as a string of digits.
  ///   - first: the number of the first choice.
  /// - Throws: ``EvaluationError``, `.noLabels` if the field is missing, null or empty.
  func label(_ name: String, of choices: Int, countedFrom first: Int = 0) throws -> Int {
    guard let value = json[name], value != .null, value.string != "" else { throw noLabel(name) }
    guard let number = value.integer ?? value.string.flatMap({ Int($0) }), (first..<first + choices).contains(number)
    else {
      throw error("\"\(name)\" is \(value.described): expected a number from \(first) to \(first + choices - 1)")
    }
    return number - first
  }

  /// An item, after checking that no continuation is empty.
  ///
  /// - Throws: ``EvaluationError`` if a continuation is empty.
  func item(_ requests: [TaskRequest], label: Int) throws -> TaskItem {
    if let empty = requests.firstIndex(where: { PythonText.stripped($0.continuation).isEmpty }) {
      throw error("choice \(empty) is empty: expected a text to score")
    }
    return TaskItem(requests: requests, label: label, place: place)
  }
}
