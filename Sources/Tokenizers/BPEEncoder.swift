import Storage
import Text

/// Encodes texts with a ``BPETokenizer``, on one thread at a time: it remembers the tokens of words that it has seen.
public final class BPEEncoder {
  private let tokenizer: BPETokenizer
  private var merger = WordMerger()

  /// Where the tokens of a word that was seen are in `known`: the start and, in the low bits, the count.
  private var words = ByteStringTable(capacity: BPEEncoder.rememberedWords / 2)
  private var known: [UInt32] = []

  // Scratch.
  private var rawPieces: [AddedTokenMatcher.Piece] = []
  private var normalizedPieces: [AddedTokenMatcher.Piece] = []
  private var parts: [Splitting.Part] = []

  private static let rememberedWords = 1 << 16
  private static let rememberedBytes = 1 << 21
  private static let longestRemembered = 64
  /// Positions in a word are 31 bits, and a normal form may be three times as long as its text.
  static let longestText = 1 << 29

  public init(_ tokenizer: BPETokenizer) {
    self.tokenizer = tokenizer
  }

  /// Appends the tokens of a text.
  ///
  /// - Throws: ``InvalidFileError`` where the text is not UTF-8, has 512 MiB or more, or the tokenizer's pattern gives up on
  ///   it.
  public func encode(_ text: UnsafeRawBufferPointer, into tokens: inout [UInt32]) throws {
    try text.withMemoryRebound(to: UInt8.self) { text in
      guard text.count < BPEEncoder.longestText else {
        throw InvalidFileError("a text", "has \(text.count) bytes; a tokenizer takes 512 MiB at once: cut the document")
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

  /// A text without added tokens.
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

  /// A text that has gone through the pre-tokenizer's steps before `step`.
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
    guard word.count <= BPEEncoder.longestRemembered else { return merge(word, into: &tokens) }
    if let place = words[word] {
      let start = place >> 8
      for index in start..<start + (place & 255) { tokens.append(known[index]) }
      return
    }
    if words.count >= BPEEncoder.rememberedWords || words.keyBytes >= BPEEncoder.rememberedBytes {
      words.removeAll()
      known.removeAll(keepingCapacity: true)
    }
    let start = known.count
    merge(word, into: &known)
    words.insert(word, start << 8 | (known.count - start))
    tokens.append(contentsOf: known[start...])
  }

  private func merge(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [UInt32]) {
    if tokenizer.ignoresMerges, let whole = tokenizer.wholeWords[word] {
      tokens.append(UInt32(whole))
    } else {
      merger.merge(word, byteTokens: tokenizer.byteTokens, tokenizer.merges, into: &tokens)
    }
  }
}
