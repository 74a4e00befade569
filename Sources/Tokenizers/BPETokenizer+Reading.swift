extension BPETokenizer {
  /// Creates the tokenizer that a file describes.
  ///
  /// - Throws: `InvalidFileError` if the file is not a `tokenizer.json`, contradicts itself, or uses an unsupported
  ///   feature, which the message names.
  public convenience init(_ file: TokenizerFile) throws {
    self.init(file: file, try TokenizerReader(path: file.path).content(of: file.bytes))
  }

  /// Reads a `tokenizer.json`, or the one in a folder.
  ///
  /// - Throws: `InvalidFileError`; `StorageError`, `.missing` if there is none.
  public convenience init(reading path: String) throws {
    try self.init(TokenizerFile(reading: path))
  }
}
