/// A JSON value (RFC 8259) that keeps what a configuration and a log need kept: the order of an object's fields, and
/// whether a number was written as an integer.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without point or exponent that an `Int` holds.
  case integer(Int)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(Object)

  /// One name and its value.
  public struct Field: Sendable, Equatable {
    public let name: String
    public var value: JSONValue

    public init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// Fields in the order given, each name once. Names are the same where their bytes are: Swift's `==` of strings, which
  /// takes an é for an e with an accent after it, would merge tokens of a vocabulary.
  public struct Object: Sendable, Equatable {
    public private(set) var fields: [Field] = []

    public init() {}

    /// - Precondition: no name occurs twice.
    public init(distinct fields: [Field]) { self.fields = fields }

    /// The value of that name; setting replaces it where it stands, appends it where it is new, and with nil removes
    /// it. O(number of fields).
    public subscript(name: String) -> JSONValue? {
      get { fields.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
      set {
        let index = fields.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
        switch (index, newValue) {
        case (let index?, let value?): fields[index].value = value
        case (let index?, nil): fields.remove(at: index)
        case (nil, let value?): fields.append(Field(name: name, value: value))
        case (nil, nil): break
        }
      }
    }
  }
}

extension JSONValue {
  /// The truth value, of a Boolean.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The integer, also of a number such as `1e3` or `2.0` that is one exactly.
  public var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The number, also of an integer.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The text, of a string.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements, of an array.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

  /// The fields, of an object.
  public var object: Object? { if case .object(let value) = self { value } else { nil } }

  /// The value of an object's field; nil where there is none, or where this is no object.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// What it is, in the words of an error message: `the string "abc"`, `an object`.
  public var described: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): "the string \(quoted(value))"
    case .array(let value): value.isEmpty ? "an empty list" : "a list"
    case .object: "an object"
    }
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// Fields in the order written; of a name written twice, the last value.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = Object()
    for (name, value) in elements { object[name] = value }
    self = .object(object)
  }
}
