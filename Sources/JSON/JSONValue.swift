/// A JSON value (RFC 8259). It keeps the order of an object's fields and whether a number was written as an integer.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without a decimal point or exponent that fits in `Int`.
  case integer(Int)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(Object)

  /// A name and its value.
  public struct Field: Sendable, Equatable {
    public let name: String
    public var value: JSONValue

    public init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// Fields in the given order, each name once. Names are compared by their bytes: Swift's `==`, by which é equals e with a
  /// combining accent, would merge tokens of a vocabulary.
  public struct Object: Sendable, Equatable {
    public private(set) var fields: [Field] = []

    public init() {}

    /// - Precondition: no name occurs twice.
    public init(distinct fields: [Field]) { self.fields = fields }

    /// The value of a field. Setting replaces a field in place, appends a new one, and with nil removes it.
    ///
    /// - Complexity: O(number of fields).
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
  /// The value of a Boolean; nil for other values.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The value of an integer, or of a number that is exactly an integer, such as `1e3` or `2.0`; nil for other values.
  public var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value of a number or an integer; nil for other values.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The text of a string; nil for other values.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements of an array; nil for other values.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

  /// The fields of an object; nil for other values.
  public var object: Object? { if case .object(let value) = self { value } else { nil } }

  /// The value of an object's field; nil if there is no such field or the value is not an object.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// A description for an error message, such as `the string "abc"` or `an object`.
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

  /// Fields in the order written. If a name occurs twice, the last value counts.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = Object()
    for (name, value) in elements { object[name] = value }
    self = .object(object)
  }
}
