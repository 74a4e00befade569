import JSON

/// The valid values of keys as JSON Schema (draft 2020-12).
enum ConfigurationSchema {
  static let text: JSONValue = ["type": "string", "minLength": 1]

  static func integer(_ range: ClosedRange<Int>) -> JSONValue {
    ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
  }

  static func number(_ range: NumberRange) -> JSONValue {
    [
      "type": "number", range.withoutLower ? "exclusiveMinimum" : "minimum": .number(range.lower),
      range.withoutUpper ? "exclusiveMaximum" : "maximum": .number(range.upper),
    ]
  }

  static func orNull(_ schema: JSONValue) -> JSONValue { ["anyOf": [schema, ["type": "null"]]] }

  /// A value, a list of values, or null for none.
  static func oneOrSeveral(_ schema: JSONValue) -> JSONValue {
    ["anyOf": [schema, ["type": "array", "items": schema], ["type": "null"]]]
  }

  /// An object with these keys and no others.
  static func object(_ properties: [(String, JSONValue)], required: [String]) -> JSONValue {
    [
      "type": "object",
      "properties": .object(JSONValue.Object(distinct: properties.map { .init(name: $0.0, value: $0.1) })),
      "required": .array(required.map { .string($0) }), "additionalProperties": false,
    ]
  }

  /// `data.train`.
  static let corpora: JSONValue = [
    "anyOf": [
      text,
      [
        "type": "array", "minItems": 1,
        "items": [
          "anyOf": [
            text, object([("path", text), ("weight", number(.from(1e-9, to: 1e9)))], required: ["path"]),
          ]
        ],
      ],
    ]
  ]

  /// `data.stages`.
  static let stages: JSONValue = [
    "type": "array",
    "items": object(
      [("from_step", integer(2...ConfigurationLimit.count)), ("train", corpora)], required: ["from_step", "train"]),
  ]

  /// `data.validation`.
  static let namedPaths: JSONValue = [
    "type": "object", "propertyNames": ["minLength": 1], "additionalProperties": text,
  ]
}
