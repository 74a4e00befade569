/// A byte-level BPE tokenizer of a `tokenizer.json`: the same ids as the `tokenizers` library gives with
/// `add_special_tokens=False`.
///
/// Immutable, and shared by threads; each encodes with a ``BPEEncoder`` of its own.
public final class BPETokenizer: Sendable {
  /// Where it comes from.
  public let file: TokenizerFile
  /// One more than the largest id.
  public let vocabularySize: Int
  public let addedTokens: [AddedToken]

  let composes: Bool
  let preTokenizer: PreTokenizer
  /// The pattern whose words are all that the pre-tokenizer makes, where it is that simple.
  let plainWords: WordPattern?
  let ignoresMerges: Bool
  /// The token of each byte; −1 where it has none.
  let byteTokens: [Int32]
  let merges: MergeTable
  /// Of the tokens that spell bytes, the ids by these bytes.
  let wholeWords: ByteStringTable
  /// Those that are looked for in the text as it is, and in the normalised text.
  let rawMatcher: AddedTokenMatcher
  let normalizedMatcher: AddedTokenMatcher
  /// Whether a text may be cut between a letter and a space.
  let allowsCuts: Bool

  private let ids: ByteStringTable
  /// Token i is the bytes from `starts[i]` to `starts[i + 1]`.
  private let tokenBytes: [UInt8]
  private let starts: [Int]
  private let special: Set<Int>

  init(file: TokenizerFile, _ content: TokenizerContent) {
    self.file = file
    addedTokens = content.addedTokens
    composes = content.composes
    preTokenizer = content.preTokenizer
    plainWords = content.preTokenizer.plainWords
    ignoresMerges = content.ignoresMerges
    byteTokens = content.byteTokens
    merges = content.merges
    let composes = content.composes
    // Special ones first: of two with the same content that one counts.
    let ordered = addedTokens.filter(\.isSpecial) + addedTokens.filter { !$0.isSpecial }
    rawMatcher = AddedTokenMatcher(ordered.filter { !$0.isNormalized }) { Array($0.content.utf8) }
    normalizedMatcher = AddedTokenMatcher(ordered.filter(\.isNormalized)) { token in
      let bytes = Array(token.content.utf8)
      return composes ? bytes.withUnsafeBufferPointer { NormalForm.composed($0) } ?? bytes : bytes
    }
    special = Set(addedTokens.filter(\.isSpecial).map(\.id))
    allowsCuts =
      content.preTokenizer.cutsBehindLetters
      && addedTokens.allSatisfy {
        !$0.isSingleWord && !$0.stripsRight && BPETokenizer.cut(in: Array($0.content.utf8)) == nil
      }

    var texts = content.tokens
    for token in addedTokens { texts[token.id] = token.content }
    vocabularySize = texts.count
    var ids = ByteStringTable(capacity: texts.count)
    var wholeWords = ByteStringTable(capacity: content.ignoresMerges ? texts.count : 0)
    var (bytes, starts): ([UInt8], [Int]) = ([], [0])
    for (id, text) in texts.enumerated() {
      if let text {
        ids.insert(text.utf8, id)
        let spelled = ByteAlphabet.bytes(of: text)
        bytes += spelled ?? Array(text.utf8)
        if content.ignoresMerges, let spelled, content.tokens[id] != nil { wholeWords.insert(spelled, id) }
      }
      starts.append(bytes.count)
    }
    (self.ids, self.wholeWords, tokenBytes, self.starts) = (ids, wholeWords, bytes, starts)
  }

  /// The id of a token by its name as the file spells it, `<|endoftext|>` or `Ġthe`.
  public func id(of token: String) -> Int? { ids[token.utf8] }

  /// The bytes that a token is in a text; none for an id that the vocabulary has not.
  public func bytes(of token: Int) -> ArraySlice<UInt8> {
    guard (0..<vocabularySize).contains(token) else { return [] }
    return tokenBytes[starts[token]..<starts[token + 1]]
  }

  /// Whether it is left out of a text.
  public func isSpecial(_ token: Int) -> Bool { special.contains(token) }

  /// The tokens of a text.
  ///
  /// - Throws: ``InvalidFileError`` where the tokenizer's pattern gives up on it.
  public func encode(_ text: String) throws -> [Int] {
    var tokens: [UInt32] = []
    let encoder = BPEEncoder(self)
    var text = text
    try text.withUTF8 { try encoder.encode(UnsafeRawBufferPointer($0), into: &tokens) }
    return tokens.map { Int($0) }
  }

  /// The text of tokens; bytes that are no UTF-8 become U+FFFD.
  public func decode(_ tokens: some Sequence<Int>, skippingSpecial: Bool = true) -> String {
    var bytes: [UInt8] = []
    for token in tokens where !(skippingSpecial && isSpecial(token)) { bytes += self.bytes(of: token) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Where a text may be cut in two, as late as possible, so that its parts' tokens one after another are the whole's;
  /// nil where there is no such place or the tokenizer knows none.
  ///
  /// That is between an ASCII letter and a single space with another letter behind it. Such a place ends a word of every
  /// pattern that ``WordPattern`` knows, no normal form joins across it, and it is in no added token.
  public func lastCut(in text: UnsafeRawBufferPointer) -> Int? {
    allowsCuts ? BPETokenizer.cut(in: text) : nil
  }

  /// The last place between a letter and a space with another letter behind it: every ``WordPattern`` cuts there.
  public static func wordEnd(in text: UnsafeRawBufferPointer) -> Int? { cut(in: text) }

  private static func cut(in text: some BidirectionalCollection<UInt8>) -> Int? {
    func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) }
    var (second, third): (UInt8, UInt8) = (0, 0)
    var offset = text.count - 1
    for byte in text.reversed() {
      if isLetter(byte) && second == 0x20 && isLetter(third) { return offset + 1 }
      (second, third) = (byte, second)
      offset -= 1
    }
    return nil
  }
}
