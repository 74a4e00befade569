import JSON
import Transformer

/// A pattern's attention mask over a few positions, for drawing.
public struct PatternGrid: Sendable {
  /// The order of queries and keys.
  public enum Order: String, Sendable, CaseIterable {
    /// By token, then by copy, as in the paper's figures.
    case tokens
    /// By copy, then by token, as in the layout of the passes; masked regions are blocks.
    case copies
  }

  public let decoding: HiddenDecoding
  public let positions: Int
  public let order: Order
  /// The rows' queries and the columns' keys.
  public let tokens: [TokenCopy]
  /// [query][key].
  public let sees: [[Bool]]
  /// What happens to each key after the last position has been decoded.
  public let fates: [KeyFate]

  /// The maximum number of rows.
  public static let maximumRows = 512

  public init(_ decoding: HiddenDecoding, positions: Int, order: Order = .tokens) {
    let all = 0..<positions
    let copies = 0..<decoding.repeats
    let tokens =
      order == .tokens
      ? all.flatMap { position in copies.map { TokenCopy(position: position, copy: $0) } }
      : copies.flatMap { copy in all.map { TokenCopy(position: $0, copy: copy) } }
    self.decoding = decoding
    self.positions = positions
    self.order = order
    self.tokens = tokens
    sees = tokens.map { query in tokens.map { decoding.sees($0, from: query) } }
    fates = tokens.map { decoding.fate(of: $0, after: positions - 1) }
  }

  /// A one-line description of the pattern.
  var caption: String { decoding.caption }

  /// The block of a row or column: its token in the order by token, else its copy.
  func block(_ index: Int) -> Int { order == .tokens ? tokens[index].position : tokens[index].copy }

  public var json: JSONValue {
    func all(_ flags: [Bool]) -> JSONValue { .array(flags.map { .integer($0 ? 1 : 0) }) }
    return [
      "pattern": .string(decoding.pattern.rawValue), "name": .string(decoding.name),
      "repeats": .integer(decoding.repeats),
      "window": decoding.pattern.usesWindow ? .integer(decoding.window) : .null,
      "chunk": decoding.chunk.map { .integer($0) } ?? .null, "positions": .integer(positions),
      "tokens": .array(
        tokens.map { ["position": .integer($0.position), "copy": .integer($0.copy + 1)] }),
      "sees": .array(sees.map(all)),
      "keys": .array(fates.map { .string($0.rawValue) }),
    ]
  }
}
