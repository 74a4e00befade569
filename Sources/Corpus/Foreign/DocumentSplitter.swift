import Storage

/// Appends tokens to a corpus, checks them against the vocabulary, and divides files that record no documents.
final class DocumentSplitter: TokenConsumer {
  /// What ends a document in a file that records no documents.
  enum Rule {
    /// The end of the file.
    case file
    /// This token, which is the document's last; also the end of the file.
    case end(UInt32)
    /// This token, which is the next document's first. The end of a file does not end a document, because shards are
    /// cut anywhere.
    case start(UInt32)
  }

  private let writer: CorpusFileWriter
  private let rule: Rule
  private let vocabularySize: Int?
  /// The token to append to documents that do not end with it.
  private let appended: UInt32?
  private var fileHasDocuments = false
  /// The last token of the corpus so far.
  private var lastToken: UInt32?

  init(_ writer: CorpusFileWriter, _ options: TokenImporter.Options) {
    self.writer = writer
    rule =
      options.startOfDocument.map { .start($0) } ?? options.endOfDocument.map { .end($0) } ?? .file
    vocabularySize = options.vocabularySize
    appended = options.appendsEndOfDocument ? options.endOfDocument : nil
  }

  private var isDocumentOpen: Bool { writer.tokenCount > writer.documentStart }

  func beginFile(hasDocuments: Bool) throws {
    fileHasDocuments = hasDocuments
    if hasDocuments && isDocumentOpen { try endDocument() }
  }

  func endFile() throws {
    guard !fileHasDocuments else { return }
    switch rule {
    case .file: try endDocument()
    case .end: if isDocumentOpen { try endDocument() }
    case .start: break
    }
  }

  /// Call once, after the last file.
  func finish() throws {
    if isDocumentOpen { try endDocument() }
    try writer.finish()
  }

  func append(_ tokens: UnsafeBufferPointer<UInt32>, of path: String, place: (Int) -> String) throws {
    try check(tokens, path, place)
    var added = 0
    func append(upTo end: Int) throws {
      try add(UnsafeBufferPointer(rebasing: tokens[added..<end]))
      added = end
    }
    switch fileHasDocuments ? .file : rule {
    case .file: break
    case .end(let token):
      while let index = tokens.place(of: token, from: added) {
        try append(upTo: index + 1)
        try endDocument()
      }
    case .start(let token):
      var searched = 0
      while let index = tokens.place(of: token, from: searched) {
        try append(upTo: index)
        if isDocumentOpen { try endDocument() }
        searched = index + 1
      }
    }
    try append(upTo: tokens.count)
  }

  func endDocument() throws {
    if let appended, !isDocumentOpen || lastToken != appended {
      try writer.appendTokens { $0.append(appended) }
      lastToken = appended
    }
    try writer.endDocument()
  }

  private func add(_ tokens: UnsafeBufferPointer<UInt32>) throws {
    try writer.append(tokens)
    lastToken = tokens.last ?? lastToken
  }

  private func check(_ tokens: UnsafeBufferPointer<UInt32>, _ path: String, _ place: (Int) -> String) throws {
    guard let vocabularySize else { return }
    let largest = tokens.reduce(0) { max($0, $1) }
    guard Int(largest) >= vocabularySize, let index = tokens.firstIndex(where: { Int($0) >= vocabularySize }) else {
      return
    }
    throw InvalidFileError(
      path,
      "the token at \(place(index)) is \(tokens[index]), the vocabulary has \(vocabularySize) tokens; "
        + "correct --vocab-size or, if the file has no header, --dtype")
  }
}

extension UnsafeBufferPointer<UInt32> {
  /// The first index of a token from `start` on. A plain loop: searching a slice takes several times as long.
  fileprivate func place(of token: UInt32, from start: Int) -> Int? {
    var index = start
    while index < count && self[index] != token { index += 1 }
    return index < count ? index : nil
  }
}
