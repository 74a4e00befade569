import Storage

/// A file that is numbers one after another, behind a header or none.
struct FlatTokens: TokenSource {
  private static let blockBytes = 1 << 20

  let file: RandomAccessFile
  let numbers: TokenNumbers?
  /// Of the first number.
  private let byteOffset: Int
  private let count: Int
  private let stored: TokenNumbers

  /// - Precondition: the file has these numbers.
  private init(_ file: RandomAccessFile, _ numbers: TokenNumbers, byteOffset: Int, count: Int) {
    self.file = file
    self.numbers = numbers
    stored = numbers
    self.byteOffset = byteOffset
    self.count = count
  }

  /// A `.npy` file.
  init(numPyArray path: String) throws {
    let file = try RandomAccessFile(path)
    let header = try NumPyHeader(of: file)
    self.init(file, header.numbers, byteOffset: header.byteCount, count: header.count)
  }

  /// A file without a header.
  init(headerless path: String, _ kind: TokenNumbers.Kind?) throws {
    guard let kind else {
      throw InputFormatError(
        path, "has no header that says what its numbers are; say so with --dtype uint16 or --dtype uint32")
    }
    let (file, numbers) = (try RandomAccessFile(path), TokenNumbers(kind))
    try TokenFileFormat.requireNoHeader(file)
    guard file.size.isMultiple(of: numbers.byteCount) else {
      throw InvalidFileError(
        path,
        "has \(file.size) bytes, no multiple of the \(numbers.byteCount) of a \(kind): it was cut short, or is none")
    }
    self.init(file, numbers, byteOffset: 0, count: file.size / numbers.byteCount)
  }

  /// A shard of llm.c.
  init(llmcShard path: String) throws {
    let file = try RandomAccessFile(path)
    let header = try LLMCHeader(of: file)
    self.init(file, header.numbers, byteOffset: LLMCHeader.byteCount, count: header.count)
  }

  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws {
    let reader = TokenRangeReader(file, stored, blockTokens: Self.blockBytes / stored.byteCount)
    defer { reader.deallocate() }
    try report(byteOffset)
    for start in stride(from: 0, to: count, by: reader.blockTokens) {
      let length = min(reader.blockTokens, count - start)
      let tokens = try reader.tokens(at: byteOffset + start * stored.byteCount, count: length) { start + $0 }
      try consumer.append(tokens, of: file.path) { "position \(start + $0)" }
      try report(length * stored.byteCount)
    }
  }
}
