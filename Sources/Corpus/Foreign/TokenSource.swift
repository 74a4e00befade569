/// What takes the tokens of a file as they are read.
protocol TokenConsumer: AnyObject {
  /// - Parameter place: where in its file a token of `tokens` stands, in words for a message.
  func append(_ tokens: UnsafeBufferPointer<UInt32>, of path: String, place: (Int) -> String) throws
  /// Called by files that say where documents end.
  func endDocument() throws
}

/// A token file whose header has been read and checked.
protocol TokenSource {
  /// Nil where the file does not say what sizes of tokens it holds.
  var numbers: TokenNumbers? { get }

  /// Reads all tokens in their order.
  ///
  /// - Parameter report: called with the number of bytes that were read since the last call.
  /// - Throws: `InvalidFileError`, `StorageError`; what the consumer and `report` throw.
  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws
}

extension TokenFileFormat {
  /// Opens a file of this format.
  ///
  /// - Throws: `InvalidFileError` where its header is wrong; `StorageError`; `InputFormatError` where an option is missing.
  func source(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource {
    switch self {
    case .npy: try FlatTokens(numPyArray: path)
    case .memmap, .nanogpt:
      try FlatTokens(headerless: path, options.headerless ?? (self == .nanogpt ? .uint16 : nil))
    case .llmc: try FlatTokens(llmcShard: path)
    case .megatron: try MegatronTokens(path)
    case .tokenLines: TokenLines(path: path, field: options.tokensField)
    }
  }
}
