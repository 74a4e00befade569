import Storage

/// Receives the tokens of a file as they are read.
protocol TokenConsumer: AnyObject {
  /// - Parameter place: describes the position of a token of `tokens` in its file, for a message.
  func append(_ tokens: UnsafeBufferPointer<UInt32>, of path: String, place: (Int) -> String) throws
  /// Called by files that record where documents end.
  func endDocument() throws
}

/// A token file whose header has been read and checked.
protocol TokenSource {
  /// The number type; nil if the file does not declare one.
  var numbers: TokenNumbers? { get }

  /// Reads all tokens in order.
  ///
  /// - Parameter report: receives the number of bytes read since the last call.
  /// - Throws: `InvalidFileError`, `StorageError`; what the consumer and `report` throw.
  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws
}

/// Reads ranges of a file of numbers as tokens, into buffers that it reuses.
struct TokenRangeReader {
  private let file: RandomAccessFile
  private let numbers: TokenNumbers
  /// The largest number of tokens read at once.
  let blockTokens: Int
  private let bytes: UnsafeMutableRawBufferPointer
  private let tokens: UnsafeMutableBufferPointer<UInt32>

  /// The caller must call `deallocate()`.
  init(_ file: RandomAccessFile, _ numbers: TokenNumbers, blockTokens: Int) {
    self.file = file
    self.numbers = numbers
    self.blockTokens = blockTokens
    bytes = .allocate(byteCount: blockTokens * numbers.byteCount, alignment: 64)
    tokens = .allocate(capacity: blockTokens)
  }

  func deallocate() {
    bytes.deallocate()
    tokens.deallocate()
  }

  /// The tokens of `count` numbers from byte `offset` on. Valid until the next call.
  ///
  /// - Parameter position: the position of one of these numbers in the file, for a message.
  /// - Throws: `InvalidFileError` for the first number that is not a token; `StorageError`.
  func tokens(at offset: Int, count: Int, position: (Int) -> Int) throws -> UnsafeBufferPointer<UInt32> {
    precondition(count <= blockTokens)
    let read = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * numbers.byteCount)])
    try file.read(at: offset, into: read)
    let decoded = UnsafeMutableBufferPointer(rebasing: tokens[..<count])
    if let wrong = numbers.decode(UnsafeRawBufferPointer(read), into: decoded) {
      throw InvalidFileError(
        file.path,
        "the number at position \(position(wrong)) is \(numbers.text(at: wrong, of: UnsafeRawBufferPointer(read))), but "
          + "a token is 0 to 2^32 - 1; check that the file contains \(numbers.kind)")
    }
    return UnsafeBufferPointer(decoded)
  }
}
