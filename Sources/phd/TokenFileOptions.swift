import ArgumentParser
import Corpus
import Storage
import Tokenizers

/// The options of `phd corpus build` for token files.
struct TokenFileOptions: ParsableArguments {
  static let discussion = """
    Tokens: NumPy's .npy, headerless memmaps (OLMo and Dolma also name them .npy), nanoGPT's .bin, llm.c's .bin, \
    Megatron's .bin and .idx (pass either, or their common prefix), and .jsonl, .ndjson and .json files whose lines \
    are lists of tokens or objects with a field "tokens" or "input_ids". The format is detected from the content and \
    the name, or set with --format; detected formats may be mixed. Megatron's files and JSON lines contain document \
    boundaries. Other files are split after --eos-token-id or before --bos-token-id; without both, each file is one \
    document.
    """

  /// `--format`: a format, or `auto` to recognize the format of each file.
  struct Format: ExpressibleByArgument, Equatable {
    static let auto = Format(option: nil)
    /// Nil for `auto`.
    let option: String?

    private init(option: String?) { self.option = option }

    init?(argument: String) {
      guard Format.allValueStrings.contains(argument) else { return nil }
      option = argument == "auto" ? nil : argument
    }

    var defaultValueDescription: String { option ?? "auto" }

    /// Whether files of the format can be read as text, with `--tokenizer`.
    var isText: Bool { option.map(DocumentFormats.options.contains) ?? true }
    /// Whether files of the format can be read as tokens, without `--tokenizer`.
    var isTokens: Bool { option.map(TokenFormats.options.contains) ?? true }

    static var allValueStrings: [String] {
      let text = DocumentFormats.options
      return ["auto"] + text + TokenFormats.options.filter { !text.contains($0) }
    }

    static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
  }

  @Option(help: "The files' format.")
  var format = Format.auto

  @Option(help: "Type of the tokens in files without a header; nanoGPT's: uint16.")
  var dtype: TokenNumbers.Kind?

  @Option(
    help: ArgumentHelp("The vocabulary's size, stored in the corpus; every token must be below it.", valueName: "n"))
  var vocabSize: Int?

  @Option(
    help: ArgumentHelp(
      "The token that ends documents, stored in the corpus; documents are split after it.", valueName: "n"))
  var eosTokenId: Int?

  @Option(
    help: ArgumentHelp(
      "The token that starts documents, which are split before it; <|endoftext|> in llm.c's files.",
      valueName: "n"))
  var bosTokenId: Int?

  @Flag(help: "Append --eos-token-id to documents that do not end with it.")
  var appendEos = false

  @Option(
    help: ArgumentHelp(
      "The tokenizer.json of the tokens: stored in the corpus; sets --vocab-size and --eos-token-id.",
      valueName: "path"), completion: .file())
  var madeWith: String?

  @Option(help: ArgumentHelp("The field of JSON lines that contains the tokens.", valueName: "name"))
  var tokensField: String?

  /// - Parameter ofText: the options for text, and whether they are given.
  /// - Throws: `ValidationError` for options that exclude each other.
  func validate(tokenizer: String?, ofText: [(name: String, isGiven: Bool)]) throws {
    if tokenizer != nil {
      let given = [
        ("--format \(format.option ?? "auto")", !format.isText), ("--dtype", dtype != nil),
        ("--vocab-size", vocabSize != nil), ("--eos-token-id", eosTokenId != nil),
        ("--bos-token-id", bosTokenId != nil), ("--append-eos", appendEos), ("--made-with", madeWith != nil),
        ("--tokens-field", tokensField != nil),
      ]
      if let wrong = given.first(where: \.1) {
        throw ValidationError("\(wrong.0) is for token files: remove it, or --tokenizer, which is for text")
      }
      return
    }
    if let option = format.option, !format.isTokens { throw ValidationError("--format \(option) needs --tokenizer") }
    if let wrong = ofText.first(where: \.isGiven) {
      throw ValidationError("\(wrong.name) is for text: pass --tokenizer")
    }
    if let vocabSize, !(1...1 << 32).contains(vocabSize) {
      throw ValidationError("--vocab-size \(vocabSize): expected 1 to 2^32")
    }
    for (name, token) in [("--eos-token-id", eosTokenId), ("--bos-token-id", bosTokenId)] {
      guard let token else { continue }
      let limit = vocabSize ?? 1 << 32
      guard (0..<limit).contains(token) else {
        throw ValidationError("\(name) \(token): expected 0 to \(limit - 1), as the vocabulary has \(limit) tokens")
      }
    }
    if appendEos && eosTokenId == nil && madeWith == nil { throw ValidationError("--append-eos needs --eos-token-id") }
  }

  /// - Throws: `InputFormatError` if files that should be text contain tokens; `StorageError`.
  func requireText(_ inputs: [String]) throws {
    guard format == .auto else { return }
    for input in inputs { try TokenFormats.requireText(input) }
  }

  /// The importer for the options, which must have been validated.
  ///
  /// - Throws: `StorageError`, `InvalidFileError` if the tokenizer cannot be read or lacks a given token.
  func importer() throws -> TokenImporter {
    var options = TokenImporter.Options()
    options.format = format.option
    options.headerless = dtype
    options.vocabularySize = vocabSize
    options.endOfDocument = eosTokenId.map { UInt32(truncatingIfNeeded: $0) }
    options.startOfDocument = bosTokenId.map { UInt32(truncatingIfNeeded: $0) }
    options.appendsEndOfDocument = appendEos
    options.tokensField = tokensField
    if let madeWith { try add(BPETokenizer(reading: madeWith), to: &options) }
    return TokenImporter(options)
  }

  /// Fills options that are not given with the tokenizer's values.
  private func add(_ tokenizer: BPETokenizer, to options: inout TokenImporter.Options) throws {
    options.tokenizer = tokenizer.file
    let size = vocabSize ?? tokenizer.vocabularySize
    options.vocabularySize = size
    if options.endOfDocument == nil && options.startOfDocument == nil {
      options.endOfDocument = FileTokenizer.endOfDocument(of: tokenizer).map { UInt32(truncatingIfNeeded: $0) }
    }
    if appendEos && options.endOfDocument == nil {
      throw InvalidFileError(
        tokenizer.file.path, "has no <|endoftext|> or </s> to end documents: pass --eos-token-id")
    }
    for (name, token) in [("--eos-token-id", options.endOfDocument), ("--bos-token-id", options.startOfDocument)] {
      if let token, Int(token) >= size {
        throw InvalidFileError(tokenizer.file.path, "has \(size) tokens, and \(name) is \(token)")
      }
    }
  }
}

extension TokenNumbers.Kind: ExpressibleByArgument {}
