/// A token that is matched in the text before any pattern or merge.
public struct AddedToken: Sendable, Equatable {
  public var id: Int
  public var content: String
  /// Whether decoding skips it.
  public var isSpecial = false
  /// Whether it is normalized and matched in the normalized text.
  public var isNormalized = false
  /// Whether it includes the spaces before it.
  public var stripsLeft = false
  /// Whether it includes the spaces after it.
  public var stripsRight = false
  /// Whether it matches only outside longer words.
  public var isSingleWord = false

  public init(id: Int, content: String) {
    self.id = id
    self.content = content
  }
}

/// Finds added tokens in a text: leftmost, longest match.
struct AddedTokenMatcher: Sendable {
  /// A part of a text.
  struct Piece: Sendable, Equatable {
    var range: Range<Int>
    /// Nil for text between added tokens.
    var token: Int?
  }

  private struct Node: Sendable {
    var children: [(byte: UInt8, node: Int)] = []
    /// The index of the token that ends here.
    var token: Int?
  }

  private let tokens: [AddedToken]
  private var nodes = [Node()]
  /// For each byte, whether a token begins with it.
  private var begins = [Bool](repeating: false, count: 256)

  var isEmpty: Bool { tokens.isEmpty }

  /// - Parameters:
  ///   - tokens: of two tokens with the same content, the first is matched.
  ///   - content: the bytes of a token in the text.
  init(_ tokens: [AddedToken], content: (AddedToken) -> [UInt8]) {
    self.tokens = tokens
    for (number, token) in tokens.enumerated() {
      let bytes = content(token)
      guard let first = bytes.first else { continue }
      begins[Int(first)] = true
      var node = 0
      for byte in bytes {
        if let child = child(of: node, byte) {
          node = child
        } else {
          nodes.append(Node())
          nodes[node].children.append((byte, nodes.count - 1))
          node = nodes.count - 1
        }
      }
      if nodes[node].token == nil { nodes[node].token = number }
    }
  }

  private func child(of node: Int, _ byte: UInt8) -> Int? {
    nodes[node].children.first { $0.byte == byte }?.node
  }

  /// Appends the pieces of a text; none is empty.
  func pieces(of text: UnsafeBufferPointer<UInt8>, into pieces: inout [Piece]) {
    var (end, position) = (0, 0)
    func add(_ lower: Int, _ upper: Int, _ token: Int?) {
      if lower < upper { pieces.append(Piece(range: lower..<upper, token: token)) }
    }
    while let (match, number) = next(in: text, from: position) {
      position = match.upperBound
      let token = tokens[number]
      if token.isSingleWord && !Word.stands(alone: match, in: text) { continue }
      var (lower, upper) = (match.lowerBound, match.upperBound)
      if token.stripsLeft { lower = max(end, Word.spacesStart(before: lower, text)) }
      if token.stripsRight { upper = Word.spacesEnd(from: upper, text) }
      add(end, lower, nil)
      add(lower, upper, token.id)
      end = upper
    }
    add(end, text.count, nil)
  }

  private func next(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (Range<Int>, Int)? {
    for position in start..<max(start, text.count) where begins[Int(text[position])] {
      var (node, end) = (0, position)
      var found: (Range<Int>, Int)?
      while end < text.count, let child = child(of: node, text[end]) {
        (node, end) = (child, end + 1)
        if let token = nodes[node].token { found = (position..<end, token) }
      }
      if let found { return found }
    }
    return nil
  }
}

/// Spaces and words as defined by Rust's regular expressions.
private enum Word {
  static func stands(alone match: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    let before = match.lowerBound > 0 ? UTF8Text.start(before: match.lowerBound, text) : nil
    if let before, isWord(UTF8Text.character(text, at: before).scalar) { return false }
    return match.upperBound == text.count || !isWord(UTF8Text.character(text, at: match.upperBound).scalar)
  }

  /// `\w`: alphabetic, a mark, a decimal number, a connector or a joiner.
  private static func isWord(_ scalar: UInt32) -> Bool {
    guard let properties = Unicode.Scalar(scalar)?.properties, (properties.age?.major ?? 99) <= 16 else { return false }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return properties.isAlphabetic || properties.isJoinControl
    }
  }

  static func spacesStart(before position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = position
    while start > 0 {
      let previous = UTF8Text.start(before: start, text)
      guard CharacterClass.of(UTF8Text.character(text, at: previous).scalar) == .space else { break }
      start = previous
    }
    return start
  }

  static func spacesEnd(from position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var end = position
    while end < text.count {
      let (scalar, length) = UTF8Text.character(text, at: end)
      guard CharacterClass.of(scalar) == .space else { break }
      end += length
    }
    return end
  }
}
