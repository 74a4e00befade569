import Storage
import Tokenizers

/// Makes a corpus of other trainers' token files, reading and writing as it goes: memory does not grow with the files.
public struct TokenImporter: Sendable {
  public struct Options: Sendable {
    /// Of all inputs; nil to recognise each.
    public var format: TokenFileFormat?
    /// What files without a header hold.
    public var headerless: TokenNumbers.Kind?
    /// Recorded as `vocab_size`, and what every token must be below.
    public var vocabularySize: Int?
    /// Recorded as `eos_token_id`. Files that do not say where documents end are cut after it.
    public var endOfDocument: UInt32?
    /// Files that do not say where documents end are cut before it, instead.
    public var startOfDocument: UInt32?
    /// Whether `endOfDocument` is appended to documents that do not end with it.
    public var appendsEndOfDocument = false
    /// What made the tokens: it goes into the corpus.
    public var tokenizer: TokenizerFile?
    /// The field of JSON lines that are objects; nil for `tokens` or `input_ids`.
    public var tokensField: String?

    public init() {}
  }

  private struct Input {
    var path: String
    var format: TokenFileFormat
  }

  private let options: Options

  /// - Precondition: the vocabulary has the tokens that start and end documents; what is appended is named.
  public init(_ options: Options) {
    let vocabularySize = options.vocabularySize ?? 1 << 32
    precondition([options.endOfDocument, options.startOfDocument].allSatisfy { Int($0 ?? 0) < vocabularySize })
    precondition(options.endOfDocument != nil || !options.appendsEndOfDocument)
    self.options = options
  }

  /// Builds the corpus `output` of the files `inputs`, in their order. Nothing has that name before it is whole.
  ///
  /// `/tokens` is of the smallest type that holds the vocabulary; where that is not known, of the smallest that holds
  /// whatever the inputs' types do, which is uint32 for JSON lines.
  ///
  /// - Parameter report: called after each block of about a mebibyte.
  /// - Returns: the counts at the end.
  /// - Throws: `InputFormatError` where an input is not recognised, an option is missing or is one that no input needs, or
  ///   an input's type is too small for the vocabulary; `InvalidFileError` for an input whose content is wrong, naming the
  ///   place; `StorageError`.
  public func build(
    _ inputs: [String], output: String, report: (CorpusBuilder.Progress) throws -> Void = { _ in }
  ) throws -> CorpusBuilder.Progress {
    let inputs = try recognised(inputs)
    let type = try elementType(of: inputs)
    var progress = CorpusBuilder.Progress()
    progress.totalBytes = try InputFiles.byteCount(
      of: inputs.flatMap { input in
        guard input.format == .megatron else { return [input.path] }
        let pair = MegatronTokens.pair(input.path)
        return [pair.tokens, pair.index]
      }, output: output)
    return try WholeFile.write(to: output) { temporaryPath in
      let file = try HDF5File.create(temporaryPath)
      if let vocabularySize = options.vocabularySize { try file.setAttribute("vocab_size", to: vocabularySize) }
      if let endOfDocument = options.endOfDocument { try file.setAttribute("eos_token_id", to: Int(endOfDocument)) }
      if let tokenizer = options.tokenizer { try file.setTokenizer(tokenizer.name, tokenizer) }
      let writer = try CorpusFileWriter(file, storing: type)
      let cutter = DocumentCutter(writer, options)
      for input in inputs {
        try cutter.beginFile(hasDocuments: input.format.hasDocuments)
        try read(input.format.source(input.path, options), into: cutter) { bytes in
          progress.bytesRead += bytes
          (progress.tokens, progress.documents) = (writer.tokenCount, writer.documentCount)
          try report(progress)
        }
        try cutter.endFile()
      }
      try cutter.finish()
      guard writer.tokenCount > 0 else { throw InvalidFileError(output, "there is no token in the inputs") }
      try file.close()
      (progress.tokens, progress.documents) = (writer.tokenCount, writer.documentCount)
      return progress
    }
  }

  private func read(
    _ source: some TokenSource, into cutter: DocumentCutter, report: (Int) throws -> Void
  ) throws {
    try source.read(into: cutter, report: report)
  }

  /// The inputs and what they are. Both files of a Megatron pair, as a shell's `data*` names them, are one input.
  private func recognised(_ paths: [String]) throws -> [Input] {
    var inputs: [Input] = []
    for path in paths {
      let format = try TokenFileFormat.ofTokens(path, options)
      let isSecond =
        format == .megatron && path.hasSuffix(".idx") && paths.contains(MegatronTokens.pair(path).tokens)
      if !isSecond { inputs.append(Input(path: path, format: format)) }
    }
    func requireUse(of option: String, by formats: Set<TokenFileFormat>, _ needs: String) throws {
      guard let first = inputs.first, !inputs.contains(where: { formats.contains($0.format) }) else { return }
      throw InputFormatError(first.path, "is \(first.format.rawValue): \(option) is for \(needs)")
    }
    if options.headerless != nil {
      try requireUse(of: "--dtype", by: [.memmap, .nanogpt], "files without a header, and leave it out here")
    }
    if options.tokensField != nil {
      try requireUse(of: "--tokens-field", by: [.tokenLines], "JSON lines, and leave it out here")
    }
    return inputs
  }

  /// Makes sure that an input's numbers can hold the vocabulary: greater tokens were cut off when it was written, or it
  /// holds other numbers than it is read as.
  private func requireRoom(in numbers: TokenNumbers, _ input: Input) throws {
    let isHeaderless = input.format == .memmap || input.format == .nanogpt
    let range = "\(isHeaderless ? "is read as" : "holds") \(numbers.kind), which ends at \(numbers.capacity - 1)"
    let advice = isHeaderless ? "give the right --dtype" : "write it again with a wider type"
    if let size = options.vocabularySize, size > numbers.capacity {
      throw InputFormatError(
        input.path,
        "\(range), too small for the vocabulary of \(size) tokens; \(advice), or give --vocab-size without padding")
    }
    let ends = options.appendsEndOfDocument ? nil : options.endOfDocument
    for (name, token) in [("--eos-token-id", ends), ("--bos-token-id", options.startOfDocument)] {
      guard !input.format.hasDocuments, let token, Int(token) >= numbers.capacity else { continue }
      throw InputFormatError(
        input.path, "\(range), so that \(name) \(token) cannot be in it; \(advice), or give the right token")
    }
  }

  /// What `/tokens` is to hold. Every header is looked at on the way, so that a wrong one is found before the work.
  private func elementType(of inputs: [Input]) throws -> HDF5ElementType {
    let types = try inputs.map { input in
      let numbers = try input.format.source(input.path, options).numbers
      if let numbers { try requireRoom(in: numbers, input) }
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

  /// One more than the largest token that one can hold, of the types that `/tokens` may have.
  var tokenCapacity: Int { 1 << min(8 * byteCount, 32) }
}
