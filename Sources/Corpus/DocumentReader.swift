import Storage

/// What takes documents as they are read: the pieces of one, then its end.
protocol DocumentConsumer: AnyObject {
  func add(_ piece: UnsafeRawBufferPointer) throws
  func endDocument() throws
  /// A whole document, still as the line of JSON that holds it.
  func add(_ line: JSONLine) throws
}

extension DocumentConsumer {
  func add(_ line: JSONLine) throws {
    var text: [UInt8] = []
    try line.append(to: &text)
    try text.withUnsafeBytes { try add($0) }
    try endDocument()
  }
}

/// What cuts a file's blocks into documents.
protocol DocumentReader {
  mutating func read(_ block: UnsafeRawBufferPointer, into consumer: some DocumentConsumer) throws
  /// The file has ended.
  mutating func finish(into consumer: some DocumentConsumer) throws
}

/// The whole file is one document.
struct WholeFileReader: DocumentReader {
  func read(_ block: UnsafeRawBufferPointer, into consumer: some DocumentConsumer) throws {
    try consumer.add(block)
  }

  func finish(into consumer: some DocumentConsumer) throws {
    try consumer.endDocument()
  }
}

/// Documents between lines that say exactly `separator`.
///
/// A document is the bytes between two such lines, its own newlines all kept, the last one too. n separating lines make
/// n + 1 documents, so a file that ends in one ends in an empty document. A line may end in CR LF. Memory is constant.
struct SeparatedDocumentReader: DocumentReader {
  private let separator: [UInt8]
  /// How many bytes of the separator the current line has started with; they are held back. Nil in any other line.
  private var matched: Int? = 0
  /// After the whole separator came a carriage return, held back too.
  private var hasReturn = false

  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn: [UInt8] = [UInt8(ascii: "\r")]

  /// - Parameter separator: a line without its newline.
  init(separator: String) {
    self.separator = Array(separator.utf8)
  }

  mutating func read(_ block: UnsafeRawBufferPointer, into consumer: some DocumentConsumer) throws {
    var position = 0
    while position < block.count {
      if let matched {
        let byte = block[position]
        if !hasReturn && matched < separator.count && byte == separator[matched] {
          self.matched = matched + 1
        } else if !hasReturn && matched == separator.count && byte == Self.carriageReturn[0] {
          hasReturn = true
        } else if matched == separator.count && byte == Self.newline {
          try consumer.endDocument()
          (self.matched, hasReturn) = (0, false)
        } else {
          try releaseHeldBytes(to: consumer)
          continue
        }
        position += 1
      } else {
        let end = block[position...].firstIndex(of: Self.newline)
        let next = end.map { $0 + 1 } ?? block.count
        try consumer.add(UnsafeRawBufferPointer(rebasing: block[position..<next]))
        if end != nil { matched = 0 }
        position = next
      }
    }
  }

  mutating func finish(into consumer: some DocumentConsumer) throws {
    // An empty separator ends a last line only where that has a carriage return: without one there is no line.
    if matched == separator.count && (!separator.isEmpty || hasReturn) {
      try consumer.endDocument()
    } else if matched != nil {
      try releaseHeldBytes(to: consumer)
    }
    try consumer.endDocument()
    (matched, hasReturn) = (0, false)
  }

  /// The line is none that separates: what was held back of it belongs to the document.
  private mutating func releaseHeldBytes(to consumer: some DocumentConsumer) throws {
    try separator.withUnsafeBytes { try consumer.add(UnsafeRawBufferPointer(rebasing: $0[..<(matched ?? 0)])) }
    if hasReturn { try Self.carriageReturn.withUnsafeBytes { try consumer.add($0) } }
    (matched, hasReturn) = (nil, false)
  }
}
