import Storage

/// Reads ranges of a file of numbers as tokens, into buffers that it keeps.
struct TokenRangeReader {
  private let file: RandomAccessFile
  private let numbers: TokenNumbers
  /// How many tokens are read at once at most.
  let blockTokens: Int
  private let bytes: UnsafeMutableRawBufferPointer
  private let tokens: UnsafeMutableBufferPointer<UInt32>

  /// The caller calls `deallocate()` at the end.
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

  /// The tokens of `count` numbers from the byte `offset` on, until the next call.
  ///
  /// - Parameter position: of a number among them, for a message.
  /// - Throws: `InvalidFileError` naming the first number that is no token; `StorageError`.
  func tokens(at offset: Int, count: Int, position: (Int) -> Int) throws -> UnsafeBufferPointer<UInt32> {
    precondition(count <= blockTokens)
    let read = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * numbers.byteCount)])
    try file.read(at: offset, into: read)
    let decoded = UnsafeMutableBufferPointer(rebasing: tokens[..<count])
    if let wrong = numbers.decode(UnsafeRawBufferPointer(read), into: decoded) {
      throw InvalidFileError(
        file.path,
        "the number at position \(position(wrong)) is \(numbers.text(at: wrong, of: UnsafeRawBufferPointer(read))), "
          + "a token is 0 to 2^32 - 1; is the file made of \(numbers.kind)?")
    }
    return UnsafeBufferPointer(decoded)
  }
}
