import JSON
import Transformer

extension JSONValue {
  /// A key's value of a model's configuration.
  public init(_ value: ModelConfiguration.Field.Value) {
    switch value {
    case .text(let text): self = .string(text)
    case .integer(let integer): self = .integer(integer)
    case .number(let number): self = .number(number)
    case .flag(let flag): self = .bool(flag)
    }
  }
}
