import Foundation

/// A subcommand's report: ordered names and values, printed as JSON or as text.
struct JSONReport {
  enum Value {
    case integer(Int?)
    case text(String?)
    case boolean(Bool)
  }

  private let fields: [(name: String, value: Value)]

  init(_ fields: [(String, Value)]) {
    self.fields = fields
  }

  func print(asJSON: Bool) throws {
    if asJSON {
      let members = try fields.map { "\(try Self.json($0.name)):\(try Self.json($0.value))" }
      Swift.print("{\(members.joined(separator: ","))}")
      return
    }
    let width = fields.map { $0.name.count }.reduce(0, max)
    for (name, value) in fields {
      let label = name.replacing("_", with: " ").padding(toLength: width + 2, withPad: " ", startingAt: 0)
      Swift.print(label + Self.text(value))
    }
  }

  private static func json(_ text: String) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return String(decoding: try encoder.encode(text), as: UTF8.self)
  }

  private static func json(_ value: Value) throws -> String {
    switch value {
    case .integer(let number): number.map { String($0) } ?? "null"
    case .text(let text): try text.map { try json($0) } ?? "null"
    case .boolean(let flag): flag ? "true" : "false"
    }
  }

  private static func text(_ value: Value) -> String {
    switch value {
    case .integer(let number): number.map { String($0) } ?? "unknown"
    case .text(let text): text ?? "unknown"
    case .boolean(let flag): flag ? "yes" : "no"
    }
  }
}
