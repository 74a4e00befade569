import Storage
import Text

/// Plain text: the whole file is one document, or a separator line divides it into several.
struct PlainTextFormat: DocumentFormat {
  let option = "text"

  func recognizes(_ input: TextInput, start: UnsafeRawBufferPointer) -> Bool { true }

  func read(
    _ input: TextInput, from file: BlockReader, into consumer: some DocumentConsumer,
    report: (_ bytes: Int) throws -> Void
  ) throws {
    if let separator = input.documentSeparator {
      try read(input, from: file, with: SeparatedDocumentReader(separator: separator), into: consumer, report: report)
    } else {
      try read(input, from: file, with: WholeFileReader(), into: consumer, report: report)
    }
  }

  private func read(
    _ input: TextInput, from file: BlockReader, with reader: some DocumentReader, into consumer: some DocumentConsumer,
    report: (_ bytes: Int) throws -> Void
  ) throws {
    var (reader, check) = (reader, UTF8Check())
    // Of the blocks before the current one.
    var (bytes, newlines) = (0, 0)
    try file.forEachBlock { block in
      if input.needsUTF8 {
        if let offset = check.firstInvalid(block) {
          // The offset is before this block if the character begins in the block before.
          let valid = block.prefix(max(0, offset - bytes))
          throw notUTF8(input, offset, line: newlines + valid.count { $0 == 0x0a } + 1)
        }
        newlines += block.count { $0 == 0x0a }
      }
      try reader.read(bytes == 0 ? ByteOrderMark.removed(from: block) : block, into: consumer)
      bytes += block.count
      try report(block.count)
    }
    if input.needsUTF8, let offset = check.unfinished { throw notUTF8(input, offset, line: newlines + 1) }
    try reader.finish(into: consumer)
  }

  private func notUTF8(_ input: TextInput, _ offset: Int, line: Int) -> InvalidFileError {
    InvalidFileError(
      input.path,
      "is not UTF-8 at byte \(offset), in line \(line): convert it (iconv -t UTF-8); only the tokenizer 'bytes' accepts "
        + "any file")
  }
}

/// Divides the blocks of a file into documents.
protocol DocumentReader {
  mutating func read(_ block: UnsafeRawBufferPointer, into consumer: some DocumentConsumer) throws
  /// Call at the end of the file.
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

/// Documents between lines that are exactly `separator`.
///
/// A document is the bytes between two such lines, including its last newline. n separating lines make n + 1 documents,
/// so a file that ends with one ends with an empty document. A line may end in CR LF. Memory is constant, which is why
/// lines are not collected first.
struct SeparatedDocumentReader: DocumentReader {
  private let separator: [UInt8]
  /// The number of bytes of the separator that the current line begins with; they are held back. Nil in other lines.
  private var matched: Int? = 0
  /// A carriage return follows the whole separator; it is held back too.
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
    // If the separator is empty, the end of the file is a separating line only after a carriage return.
    if matched == separator.count && (!separator.isEmpty || hasReturn) {
      try consumer.endDocument()
    } else if matched != nil {
      try releaseHeldBytes(to: consumer)
    }
    try consumer.endDocument()
    (matched, hasReturn) = (0, false)
  }

  /// The line is not a separator, so the bytes held back belong to the document.
  private mutating func releaseHeldBytes(to consumer: some DocumentConsumer) throws {
    try separator.withUnsafeBytes { try consumer.add(UnsafeRawBufferPointer(rebasing: $0[..<(matched ?? 0)])) }
    if hasReturn { try Self.carriageReturn.withUnsafeBytes { try consumer.add($0) } }
    (matched, hasReturn) = (nil, false)
  }
}
