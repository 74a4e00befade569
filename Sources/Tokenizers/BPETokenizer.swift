/// A byte-level BPE tokenizer from a `tokenizer.json`. Its ids are those of the `tokenizers` library with
/// `add_special_tokens=False`.
///
/// Immutable. Threads may share it, each with its own ``BPEEncoder``.
public final class BPETokenizer: Sendable {
  /// The file that defines it.
  public let file: TokenizerFile
  /// One more than the largest id.
  public let vocabularySize: Int
  public let addedTokens: [AddedToken]

  /// Whether texts are normalized to NFC.
  let composes: Bool
  let preTokenizer: PreTokenizer
  /// The pattern whose words are the pieces of the pre-tokenizer; nil if the pre-tokenizer does more.
  let plainWords: WordPattern?
  let ignoresMerges: Bool
  /// The token of each byte; −1 if it has none.
  let byteTokens: [Int32]
  let merges: MergeTable
  /// The ids of the tokens that spell bytes, by these bytes.
  let wholeWords: ByteStringTable
  /// Matches the added tokens of the original text.
  let rawMatcher: AddedTokenMatcher
  /// Matches the added tokens of the normalized text.
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
    // Special tokens first, so that of two tokens with the same content the special one is matched.
    let ordered = addedTokens.filter(\.isSpecial) + addedTokens.filter { !$0.isSpecial }
    rawMatcher = AddedTokenMatcher(ordered.filter { !$0.isNormalized }) { Array($0.content.utf8) }
    normalizedMatcher = AddedTokenMatcher(ordered.filter(\.isNormalized)) { token in
      let bytes = Array(token.content.utf8)
      return composes ? bytes.withUnsafeBufferPointer { NormalForm.composed($0) } ?? bytes : bytes
    }
    special = Set(addedTokens.filter(\.isSpecial).map(\.id))
    allowsCuts =
      content.preTokenizer.cutsAfterLetters
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

  /// The id of a token by its name in the file, such as `<|endoftext|>` or `Ġthe`; nil if there is none.
  public func id(of token: String) -> Int? { ids[token.utf8] }

  /// The bytes that a token represents; empty for an id outside the vocabulary.
  public func bytes(of token: Int) -> ArraySlice<UInt8> {
    guard (0..<vocabularySize).contains(token) else { return [] }
    return tokenBytes[starts[token]..<starts[token + 1]]
  }

  /// Whether decoding skips a token.
  public func isSpecial(_ token: Int) -> Bool { special.contains(token) }

  /// Encodes a text.
  ///
  /// - Throws: `InvalidFileError` if the text exceeds the backtracking limit of the tokenizer's pattern.
  public func encode(_ text: String) throws -> [Int] {
    var tokens: [UInt32] = []
    let encoder = BPEEncoder(self)
    var text = text
    try text.withUTF8 { try encoder.encode(UnsafeRawBufferPointer($0), into: &tokens) }
    return tokens.map { Int($0) }
  }

  /// Decodes tokens to text. Invalid UTF-8 becomes U+FFFD.
  public func decode(_ tokens: some Sequence<Int>, skippingSpecial: Bool = true) -> String {
    var bytes: [UInt8] = []
    for token in tokens where !(skippingSpecial && isSpecial(token)) { bytes += self.bytes(of: token) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The last offset at which a text can be cut so that the tokens of both parts, concatenated, are the tokens of the
  /// whole; nil if there is none or the tokenizer does not allow cuts.
  ///
  /// The cut is between an ASCII letter and a single space that another letter follows. There a word ends in every
  /// ``WordPattern``, no normal form joins across, and no added token continues.
  public func lastCut(in text: UnsafeRawBufferPointer) -> Int? {
    allowsCuts ? BPETokenizer.cut(in: text) : nil
  }

  /// The last offset between a letter and a space that another letter follows, where a word ends in every
  /// ``WordPattern``.
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
