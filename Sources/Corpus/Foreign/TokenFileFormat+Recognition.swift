import Storage

extension TokenFileFormat {
  /// What a file is by its first bytes, by a partner beside it, and last by its name; nil where nothing tells.
  ///
  /// - Throws: `StorageError`, `.missing` where there is no such file, `.failed` for a folder.
  public static func recognise(_ path: String) throws -> TokenFileFormat? {
    let pair = MegatronTokens.pair(path)
    guard try FileStatus.exists(path) || !FileStatus.exists(pair.index) else { return .megatron }
    let status = try FileStatus(path)
    if status.isFolder { throw StorageError(.failed, path, "is a folder; name files") }
    let name = path.lowercased()
    // The bytes of a pipe come once.
    if status.isRegularFile {
      let file = try RandomAccessFile(path)
      let start = try file.bytes(at: 0, count: min(file.size, 16))
      if start.starts(with: NumPyHeader.magic) { return .npy }
      if start.starts(with: MegatronIndex.magic) { return .megatron }
      if path == pair.tokens, try isMegatronIndex(pair.index) { return .megatron }
      if start.count >= 4 {
        let number = start.littleEndian(at: 0, as: Int32.self)
        if LLMCHeader.magicNumbers.contains(number) || number == LLMCHeader.evaluationMagic { return .llmc }
      }
    }
    if name.hasSuffix(".npy") { return .memmap }
    return [".jsonl", ".ndjson", ".json"].contains { name.hasSuffix($0) } ? .tokenLines : nil
  }

  private static func isMegatronIndex(_ path: String) throws -> Bool {
    guard try FileStatus.exists(path), try FileStatus(path).isRegularFile else { return false }
    let file = try RandomAccessFile(path)
    return try file.bytes(at: 0, count: min(file.size, MegatronIndex.magic.count)) == MegatronIndex.magic
  }

  /// What `phd corpus build` says to do about tokens that were given as text.
  public static let buildAdvice = "leave --tokenizer out, or take its bytes for text with --format text"

  /// Refuses a file that should be text and holds tokens.
  ///
  /// - Parameter advice: What to do, for the message.
  /// - Throws: `InputFormatError` for such a file; `StorageError`, also for a folder.
  public static func requireText(_ path: String, advice: String = TokenFileFormat.buildAdvice) throws {
    try refuseOthers(path)
    guard let format = try recognise(path), format != .tokenLines else { return }
    throw InputFormatError(path, "holds tokens already (\(format.rawValue)): \(advice)")
  }

  /// The format of an input that is known to hold tokens.
  ///
  /// - Throws: `InputFormatError` where it is not recognised; `StorageError`.
  static func ofTokens(_ path: String, _ options: TokenImporter.Options) throws -> TokenFileFormat {
    if let format = options.format { return format }
    try refuseOthers(path)
    if let format = try recognise(path) { return format }
    if options.headerless != nil { return .memmap }
    throw InputFormatError(
      path,
      "is not recognised as a file of tokens. If it is text, give --tokenizer; if it is tokens without a header, "
        + "--dtype uint16 or --dtype uint32 (nanoGPT's train.bin: --format nanogpt)")
  }

  /// Refuses what is neither text nor tokens, by its first bytes or its name.
  ///
  /// - Throws: `InputFormatError`; `StorageError`.
  private static func refuseOthers(_ path: String) throws {
    if path.lowercased().hasSuffix(".parquet") { throw parquet(path) }
    if let status = try? FileStatus(path), status.isRegularFile { try refuseOthers(RandomAccessFile(path)) }
  }

  private static func refuseOthers(_ file: RandomAccessFile) throws {
    let start = try file.bytes(at: 0, count: min(file.size, 8))
    if start == [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] {
      throw InputFormatError(
        file.path, "is an HDF5 file, neither text nor a file of tokens; a corpus is used as it is: data.train")
    }
    let magic = Array("PAR1".utf8)
    if file.size >= 12 && start.starts(with: magic), try file.bytes(at: file.size - 4, count: 4) == magic {
      throw parquet(file.path)
    }
  }

  private static func parquet(_ path: String) -> InputFormatError {
    InputFormatError(
      path,
      "is Parquet, which is not read here; write its texts or token lists as JSON lines, as Python's pyarrow or pandas do "
        + "(to_json(orient=\"records\", lines=True))")
  }

  /// Refuses a file that is to be read as numbers alone and has a header, which would be read as tokens.
  ///
  /// - Throws: `InputFormatError`; `StorageError`.
  static func requireNoHeader(_ file: RandomAccessFile) throws {
    try refuseOthers(file)
    let start = try file.bytes(at: 0, count: min(file.size, 16))
    var found: TokenFileFormat?
    if start.starts(with: NumPyHeader.magic) { found = .npy }
    if start.starts(with: MegatronIndex.magic) { found = .megatron }
    if LLMCHeader.begins(start) { found = .llmc }
    if let found {
      throw InputFormatError(
        file.path, "has the header of \(found.rawValue), which would be read as tokens: give --format \(found.rawValue)"
      )
    }
  }
}
