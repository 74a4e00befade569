/// A value that a configuration chooses by name from a list: a pattern, an architecture, a schedule.
///
/// Two values are equal if their names are.
public protocol NamedCase: RawRepresentable<String>, CaseIterable, Hashable, Sendable, CustomStringConvertible
where AllCases == [Self] {}

extension NamedCase {
  /// The listed value of a name; nil if there is none.
  public init?(rawValue: String) {
    guard let value = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = value
  }

  public var description: String { rawValue }

  /// The names of the values with a property, for a message: `"swa" or "cswa"`.
  public static func names(where hasProperty: (Self) -> Bool) -> String {
    allCases.filter(hasProperty).map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
  }
}
