import JSON

/// The fields of a request's object. Null counts as absent.
struct RequestFields {
  private let object: JSONValue.Object

  init(_ value: JSONValue) throws(APIError) {
    guard let object = value.object else { throw APIError(400, "the body is \(value.described), expected an object") }
    self.object = object
  }

  subscript(name: String) -> JSONValue? {
    guard let value = object[name], value != .null else { return nil }
    return value
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
    guard let value = self[name] else { return nil }
    guard let integer = value.integer, range.contains(integer) else {
      throw .invalid(name, "\(value.described), expected an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// - Parameter expected: a description of the accepted numbers, for the error message.
  func number(_ name: String, _ expected: String, _ accepts: (Double) -> Bool) throws(APIError) -> Float? {
    guard let value = self[name] else { return nil }
    guard let number = value.number, accepts(number), Float(number).isFinite else {
      throw .invalid(name, "\(value.described), expected \(expected)")
    }
    return Float(number)
  }

  func flag(_ name: String) throws(APIError) -> Bool {
    guard let value = self[name] else { return false }
    guard let flag = value.bool else { throw .invalid(name, "\(value.described), expected true or false") }
    return flag
  }

  /// A text, or a list of texts.
  func texts(_ name: String, atMost limit: Int) throws(APIError) -> [String] {
    guard let value = self[name] else { return [] }
    if let text = value.string { return [text] }
    guard let list = value.array, list.count <= limit else {
      throw .invalid(name, "\(value.described), expected a text, or a list of at most \(limit) texts")
    }
    var texts: [String] = []
    for element in list {
      guard let text = element.string else { throw .invalid(name, "\(element.described) in the list, expected a text") }
      texts.append(text)
    }
    return texts
  }

  /// Rejects a field that is not supported, unless its value would not change the response.
  func refuse(_ name: String, unless isHarmless: (JSONValue) -> Bool, _ reason: String) throws(APIError) {
    guard let value = self[name], !isHarmless(value) else { return }
    throw .invalid(name, reason)
  }
}
