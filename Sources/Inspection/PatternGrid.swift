import JSON
import Transformer

/// Which copy of which token sees which, over a few positions: a pattern as its rule gives it, to be drawn.
public struct PatternGrid: Sendable {
  /// How queries and keys are put in order.
  public enum Order: String, Sendable, CaseIterable {
    /// Token by token, each with its copies: as a text is read, and as the paper draws it.
    case tokens
    /// Copy by copy, each with its tokens: as the passes lay them out, so that what nobody sees is a block.
    case copies
  }

  public let decoding: HiddenDecoding
  public let positions: Int
  public let order: Order
  /// The rows' queries and the columns' keys.
  public let tokens: [TokenCopy]
  /// [query][key].
  public let sees: [[Bool]]
  /// What becomes of each key once the last of the positions has been decoded.
  public let fates: [KeyFate]

  /// The most rows of a grid.
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

  /// What the pattern is, in a line.
  var caption: String { decoding.caption }

  /// Which block a row, or a column, belongs to: a token's copies, or a copy's tokens.
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
