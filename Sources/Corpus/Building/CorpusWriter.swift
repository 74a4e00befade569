import Storage

/// Tokenizes documents on several threads and appends them in order to `/tokens` and `/documents`.
final class CorpusWriter: DocumentConsumer {
  /// The approximate number of bytes of text that a thread tokenizes at a time.
  private static let pieceBytes = 1 << 18

  /// Consecutive documents; the last may continue in the next piece.
  private struct Piece: Sendable {
    var text: [UInt8] = []
    /// The end offset of each complete document in `text`.
    var ends: [Int] = []
    /// If the documents are lines of JSON that have not been parsed yet: their file, line numbers and offsets in it.
    var jsonPath: String?
    var jsonPlaces: [(number: Int, offset: Int)] = []
  }

  /// The tokens of a piece.
  private struct Tokens: Sendable {
    var tokens: [UInt32] = []
    /// The end offset of each document, after its end-of-document token.
    var ends: [Int] = []
  }

  private let tokenizer: any Tokenizer
  private let work: OrderedWork<Piece, Tokens>
  private let file: CorpusFileWriter
  private var piece = Piece()
  /// The size in bytes at which an unfinished document is next searched for a place to cut it.
  private var cutAt = CorpusWriter.pieceBytes

  var tokenCount: Int { file.tokenCount }
  var documentCount: Int { file.documentCount }

  init(_ file: HDF5File, tokenizer: any Tokenizer, threads: Int) throws {
    self.tokenizer = tokenizer
    try file.setAttribute("vocab_size", to: tokenizer.vocabularySize)
    try file.setAttribute("eos_token_id", to: Int(tokenizer.endOfDocument))
    try file.setTokenizer(tokenizer.name, tokenizer.file)
    self.file = try CorpusFileWriter(file, storing: tokenizer.elementType)
    work = try OrderedWork(threads: threads) {
      let encoder = tokenizer.makeEncoder()
      return { try CorpusWriter.tokens(of: $0, encoder, endOfDocument: tokenizer.endOfDocument) }
    }
  }

  func add(_ bytes: UnsafeRawBufferPointer) throws {
    if piece.jsonPath != nil { try submitPiece() }
    for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
      piece.text.append(contentsOf: bytes[start..<min(bytes.count, start + Self.pieceBytes)])
      if piece.text.count >= Self.pieceBytes { try submitPiece() }
    }
  }

  /// Lines of JSON are parsed by the threads that tokenize, because parsing on one thread would be the bottleneck.
  func add(_ line: JSONLine) throws {
    if piece.jsonPath != line.path { try submitPiece() }
    piece.jsonPath = line.path
    piece.text.append(contentsOf: line.bytes)
    piece.ends.append(piece.text.count)
    piece.jsonPlaces.append((line.number, line.offset))
    if piece.text.count >= Self.pieceBytes { try submitPiece() }
  }

  func endDocument() throws {
    if piece.jsonPath != nil { try submitPiece() }
    piece.ends.append(piece.text.count)
    cutAt = Self.pieceBytes
    if piece.text.count >= Self.pieceBytes || piece.ends.count >= CorpusFileWriter.chunkElements / 8 {
      try submitPiece()
    }
  }

  /// Waits for all work and writes its results.
  func finish() throws {
    try work.submit(piece) { try append($0) }
    piece = Piece()
    try work.finish { try append($0) }
    try file.finish()
  }

  /// Submits the complete documents; of a long unfinished document, the part before a place where it can be cut.
  private func submitPiece() throws {
    var end = piece.ends.last ?? 0
    if end == 0 && piece.text.count >= cutAt {
      end = piece.text.withUnsafeBytes { tokenizer.lastCut(in: $0) } ?? 0
      // The size doubles, so that a document without such a place is not searched repeatedly.
      cutAt = end > 0 ? Self.pieceBytes : 2 * piece.text.count
    }
    guard end > 0 || !piece.ends.isEmpty else { return }
    let rest = Array(piece.text[end...])
    piece.text.removeLast(rest.count)
    try work.submit(piece) { try append($0) }
    piece = Piece(text: rest)
  }

  private static func tokens(
    of piece: Piece, _ encoder: any TextEncoder, endOfDocument: UInt32
  ) throws -> Tokens {
    var result = Tokens()
    result.tokens.reserveCapacity(piece.text.count / 3)
    if let path = piece.jsonPath {
      try piece.text.withUnsafeBufferPointer { lines in
        var (start, text): (Int, [UInt8]) = (0, [])
        for (end, place) in zip(piece.ends, piece.jsonPlaces) {
          text.removeAll(keepingCapacity: true)
          try JSONLine(
            bytes: UnsafeBufferPointer(rebasing: lines[start..<end]), number: place.number, offset: place.offset,
            path: path
          ).append(to: &text)
          try text.withUnsafeBytes { try encoder.encode($0, into: &result.tokens) }
          result.tokens.append(endOfDocument)
          result.ends.append(result.tokens.count)
          start = end
        }
      }
      return result
    }
    try piece.text.withUnsafeBytes { text in
      var start = 0
      for end in piece.ends {
        try encoder.encode(UnsafeRawBufferPointer(rebasing: text[start..<end]), into: &result.tokens)
        result.tokens.append(endOfDocument)
        result.ends.append(result.tokens.count)
        start = end
      }
      try encoder.encode(UnsafeRawBufferPointer(rebasing: text[start...]), into: &result.tokens)
    }
    return result
  }

  private func append(_ result: Tokens) throws {
    try result.tokens.withUnsafeBufferPointer { tokens in
      var start = 0
      for end in result.ends {
        try file.append(UnsafeBufferPointer(rebasing: tokens[start..<end]))
        try file.endDocument()
        start = end
      }
      try file.append(UnsafeBufferPointer(rebasing: tokens[start...]))
    }
  }
}
