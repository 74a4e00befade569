import Storage
import Tokenizers

/// Converts other trainers' token files to a corpus. Reads and writes block by block, so memory does not grow
/// with the files.
public struct TokenImporter: Sendable {
  public struct Options: Sendable {
    /// The format of all inputs, one of ``TokenFormats/options``; nil to recognize each input.
    public var format: String?
    /// The number type of files without a header.
    public var headerless: TokenNumbers.Kind?
    /// Recorded as `vocab_size`. Every token must be below it.
    public var vocabularySize: Int?
    /// Recorded as `eos_token_id`. In files that record no documents, a document ends after this token.
    public var endOfDocument: UInt32?
    /// In files that record no documents, a document starts at this token. Takes precedence over `endOfDocument`.
    public var startOfDocument: UInt32?
    /// Whether `endOfDocument` is appended to documents that do not end with it.
    public var appendsEndOfDocument = false
    /// The tokenizer that made the tokens. It is stored in the corpus.
    public var tokenizer: TokenizerFile?
    /// The field of JSON lines that are objects; nil for `tokens` or `input_ids`.
    public var tokensField: String?

    public init() {}
  }

  private struct Input {
    var path: String
    var format: any TokenFormat
  }

  private let options: Options

  /// - Precondition: the vocabulary has the tokens that start and end documents; if a token is to be appended, it is
  ///   given; the format is a known one.
  public init(_ options: Options) {
    precondition(options.format.map { TokenFormats.named($0) != nil } ?? true, "unknown format")
    let vocabularySize = options.vocabularySize ?? 1 << 32
    precondition([options.endOfDocument, options.startOfDocument].allSatisfy { Int($0 ?? 0) < vocabularySize })
    precondition(options.endOfDocument != nil || !options.appendsEndOfDocument)
    self.options = options
  }

  /// Builds the corpus `output` from `inputs`, in order. The file appears under that name only when it is complete.
  ///
  /// `/tokens` has the smallest element type that holds the vocabulary. If the vocabulary's size is unknown, it has the
  /// smallest type that holds every value of the inputs' number types, which is uint32 for JSON lines.
  ///
  /// - Parameter report: called after each block of about a mebibyte.
  /// - Returns: the final counts.
  /// - Throws: `InputFormatError` if an input is not recognized, an option is missing, no input uses a given option, or
  ///   an input's number type is too small for the vocabulary; `InvalidFileError` if the content of an input is wrong,
  ///   with the position; `StorageError`.
  public func build(
    _ inputs: [String], output: String, report: (CorpusBuilder.Progress) throws -> Void = { _ in }
  ) throws -> CorpusBuilder.Progress {
    let inputs = try recognized(inputs)
    let type = try elementType(of: inputs)
    var progress = CorpusBuilder.Progress()
    progress.totalBytes = try InputFiles.byteCount(
      of: inputs.flatMap { $0.format.files(of: $0.path) }, output: output)
    return try WholeFile.write(to: output) { temporaryPath in
      let file = try HDF5File.create(temporaryPath)
      if let vocabularySize = options.vocabularySize { try file.setAttribute("vocab_size", to: vocabularySize) }
      if let endOfDocument = options.endOfDocument { try file.setAttribute("eos_token_id", to: Int(endOfDocument)) }
      if let tokenizer = options.tokenizer { try file.setTokenizer(tokenizer.name, tokenizer) }
      let writer = try CorpusFileWriter(file, storing: type)
      let splitter = DocumentSplitter(writer, options)
      for input in inputs {
        try splitter.beginFile(hasDocuments: input.format.hasDocuments)
        try read(input.format.open(input.path, options), into: splitter) { bytes in
          progress.bytesRead += bytes
          (progress.tokens, progress.documents) = (writer.tokenCount, writer.documentCount)
          try report(progress)
        }
        try splitter.endFile()
      }
      try splitter.finish()
      guard writer.tokenCount > 0 else { throw InvalidFileError(output, "the inputs contain no tokens") }
      try file.close()
      (progress.tokens, progress.documents) = (writer.tokenCount, writer.documentCount)
      return progress
    }
  }

  private func read(
    _ source: some TokenSource, into splitter: DocumentSplitter, report: (Int) throws -> Void
  ) throws {
    try source.read(into: splitter, report: report)
  }

  /// The inputs and their formats. Two paths that name the same pair of files become one input.
  private func recognized(_ paths: [String]) throws -> [Input] {
    var inputs: [Input] = []
    for path in paths {
      let format = try TokenFormats.format(of: path, options)
      if !format.isPart(path, ofInputIn: paths) { inputs.append(Input(path: path, format: format)) }
    }
    func requireUse(of option: String, _ isUsed: (any TokenFormat) -> Bool, _ purpose: String) throws {
      guard let first = inputs.first, !inputs.contains(where: { isUsed($0.format) }) else { return }
      throw InputFormatError(first.path, "is \(first.format.name): \(option) is for \(purpose); remove it")
    }
    if options.headerless != nil { try requireUse(of: "--dtype", { $0.isHeaderless }, "files without a header") }
    if options.tokensField != nil { try requireUse(of: "--tokens-field", { $0.usesTokensField }, "JSON lines") }
    return inputs
  }

  /// Checks that an input's number type can hold the vocabulary. If it cannot, the writer truncated larger tokens, or
  /// `--dtype` is wrong.
  private func requireCapacity(_ numbers: TokenNumbers, _ input: Input) throws {
    let isHeaderless = input.format.isHeaderless
    let range = "\(isHeaderless ? "is read as" : "contains") \(numbers.kind), which ends at \(numbers.capacity - 1)"
    let advice = isHeaderless ? "correct --dtype" : "write it again with a wider type"
    if let size = options.vocabularySize, size > numbers.capacity {
      throw InputFormatError(
        input.path,
        "\(range), too small for the vocabulary of \(size) tokens; \(advice), or pass --vocab-size without padding")
    }
    let ends = options.appendsEndOfDocument ? nil : options.endOfDocument
    for (name, token) in [("--eos-token-id", ends), ("--bos-token-id", options.startOfDocument)] {
      guard !input.format.hasDocuments, let token, Int(token) >= numbers.capacity else { continue }
      throw InputFormatError(
        input.path, "\(range), so it cannot contain \(name) \(token); \(advice), or correct the token")
    }
  }

  /// The element type of `/tokens`. Opens every input, so that a wrong header is found before any work.
  private func elementType(of inputs: [Input]) throws -> HDF5ElementType {
    let types = try inputs.map { input in
      let numbers = try input.format.open(input.path, options).numbers
      if let numbers { try requireCapacity(numbers, input) }
      return numbers?.elementType ?? .uint32
    }
    if let vocabularySize = options.vocabularySize { return .holding(vocabularySize: vocabularySize) }
    let added = options.appendsEndOfDocument ? options.endOfDocument : nil
    let least = HDF5ElementType.holding(vocabularySize: Int(added ?? 0) + 1)
    return types.reduce(least) { $0.byteCount < $1.byteCount ? $1 : $0 }
  }
}

extension HDF5ElementType {
  /// The smallest unsigned type for the tokens of a vocabulary.
  static func holding(vocabularySize: Int) -> HDF5ElementType {
    vocabularySize <= 1 << 8 ? .uint8 : vocabularySize <= 1 << 16 ? .uint16 : .uint32
  }

  /// One more than the largest token that an element can hold; for the types that `/tokens` may have.
  var tokenCapacity: Int { 1 << min(8 * byteCount, 32) }
}
