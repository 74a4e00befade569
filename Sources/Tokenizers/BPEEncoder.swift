import Storage
import Text

/// Encodes texts with a ``BPETokenizer``. It caches the tokens of words, and must be used by one thread at a time.
public final class BPEEncoder {
  private let tokenizer: BPETokenizer
  private var merger = WordMerger()

  /// For each cached word, the range of its tokens in `cachedTokens`: the start and, in the low 8 bits, the count.
  private var words = ByteStringTable(capacity: BPEEncoder.cachedWords / 2)
  private var cachedTokens: [UInt32] = []

  // Scratch buffers.
  private var rawPieces: [AddedTokenMatcher.Piece] = []
  private var normalizedPieces: [AddedTokenMatcher.Piece] = []
  private var parts: [Splitting.Part] = []

  private static let cachedWords = 1 << 16
  private static let cachedBytes = 1 << 21
  private static let longestCachedWord = 64
  /// In bytes. Positions in a word have 31 bits, and a normal form can be three times as long as its text.
  static let longestText = 1 << 29

  public init(_ tokenizer: BPETokenizer) {
    self.tokenizer = tokenizer
  }

  /// Appends the tokens of a text.
  ///
  /// - Throws: `InvalidFileError` if the text is not UTF-8, has 512 MiB or more, or exceeds the backtracking limit of the
  ///   tokenizer's pattern.
  public func encode(_ text: UnsafeRawBufferPointer, into tokens: inout [UInt32]) throws {
    try text.withMemoryRebound(to: UInt8.self) { text in
      guard text.count < BPEEncoder.longestText else {
        throw InvalidFileError(
          "a text", "has \(text.count) bytes, but a tokenizer accepts less than 512 MiB at once: split the document")
      }
      if let invalid = UTF8Check.firstInvalid(in: text) {
        throw InvalidFileError("a text", "is not UTF-8 at byte \(invalid)")
      }
      let matcher = tokenizer.rawMatcher
      if matcher.isEmpty { return try encodeNormalizing(text, into: &tokens) }
      rawPieces.removeAll(keepingCapacity: true)
      matcher.pieces(of: text, into: &rawPieces)
      for piece in rawPieces {
        if let token = piece.token {
          tokens.append(UInt32(token))
        } else {
          try encodeNormalizing(UnsafeBufferPointer(rebasing: text[piece.range]), into: &tokens)
        }
      }
    }
  }

  private func encodeNormalizing(_ text: UnsafeBufferPointer<UInt8>, into tokens: inout [UInt32]) throws {
    if tokenizer.composes, let composed = NormalForm.composed(text) {
      try composed.withUnsafeBufferPointer { try encodeNormalized($0, into: &tokens) }
    } else {
      try encodeNormalized(text, into: &tokens)
    }
  }

  private func encodeNormalized(_ text: UnsafeBufferPointer<UInt8>, into tokens: inout [UInt32]) throws {
    let matcher = tokenizer.normalizedMatcher
    if matcher.isEmpty { return try encodePlain(text, into: &tokens) }
    normalizedPieces.removeAll(keepingCapacity: true)
    matcher.pieces(of: text, into: &normalizedPieces)
    for piece in normalizedPieces {
      if let token = piece.token {
        tokens.append(UInt32(token))
      } else {
        try encodePlain(UnsafeBufferPointer(rebasing: text[piece.range]), into: &tokens)
      }
    }
  }

  /// Encodes a text without added tokens.
  private func encodePlain(_ text: UnsafeBufferPointer<UInt8>, into tokens: inout [UInt32]) throws {
    if let pattern = tokenizer.plainWords {
      CharacterClass.withTable { classes in
        var start = 0
        while start < text.count {
          let end = pattern.end(of: start, in: text, classes)
          append(UnsafeBufferPointer(rebasing: text[start..<end]), to: &tokens)
          start = end
        }
      }
    } else {
      try encode(text, from: 0, into: &tokens)
    }
  }

  /// Applies the steps of the pre-tokenizer from `step` on and encodes the pieces.
  private func encode(_ text: UnsafeBufferPointer<UInt8>, from step: Int, into tokens: inout [UInt32]) throws {
    guard step < tokenizer.preTokenizer.steps.count else {
      if !text.isEmpty { append(text, to: &tokens) }
      return
    }
    switch tokenizer.preTokenizer.steps[step] {
    case .prefixSpace:
      if text.first == 0x20 { return try encode(text, from: step + 1, into: &tokens) }
      try ([0x20] + Array(text)).withUnsafeBufferPointer { try encode($0, from: step + 1, into: &tokens) }
    case .split(let splitting):
      var pieces: [Range<Int>] = []
      try splitting.pieces(of: text, &parts, into: &pieces)
      for piece in pieces { try encode(UnsafeBufferPointer(rebasing: text[piece]), from: step + 1, into: &tokens) }
    }
  }

  private func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout [UInt32]) {
    if word.count == 1 {
      let token = tokenizer.byteTokens[Int(word[0])]
      if token >= 0 { tokens.append(UInt32(bitPattern: token)) }
      return
    }
    guard word.count <= BPEEncoder.longestCachedWord else { return merge(word, into: &tokens) }
    if let place = words[word] {
      let start = place >> 8
      for index in start..<start + (place & 255) { tokens.append(cachedTokens[index]) }
      return
    }
    if words.count >= BPEEncoder.cachedWords || words.keyBytes >= BPEEncoder.cachedBytes {
      words.removeAll()
      cachedTokens.removeAll(keepingCapacity: true)
    }
    let start = cachedTokens.count
    merge(word, into: &cachedTokens)
    words.insert(word, start << 8 | (cachedTokens.count - start))
    tokens.append(contentsOf: cachedTokens[start...])
  }

  private func merge(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [UInt32]) {
    if tokenizer.ignoresMerges, let whole = tokenizer.wholeWords[word] {
      tokens.append(UInt32(whole))
    } else {
      merger.merge(word, byteTokens: tokenizer.byteTokens, tokenizer.merges, into: &tokens)
    }
  }
}
