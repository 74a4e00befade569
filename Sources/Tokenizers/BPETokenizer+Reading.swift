extension BPETokenizer {
  /// Makes the tokenizer that a file describes.
  ///
  /// - Throws: ``InvalidFileError`` where the file is no `tokenizer.json`, contradicts itself, or asks for what is not
  ///   supported: that is refused by name, not passed over.
  public convenience init(_ file: TokenizerFile) throws {
    self.init(file: file, try TokenizerReader(path: file.path).content(of: file.bytes))
  }

  /// Reads a `tokenizer.json`, or that of a folder.
  ///
  /// - Throws: ``InvalidFileError``; `StorageError`, `.missing` where there is none.
  public convenience init(reading path: String) throws {
    try self.init(TokenizerFile(reading: path))
  }
}
