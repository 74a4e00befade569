import ArgumentParser
import Corpus

/// `phd corpus`: make corpora, look at them.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus",
    abstract: "Build corpora of text or of other trainers' tokens, look at them, export them.",
    subcommands: [Build.self, Inspect.self, Verify.self, Export.self])

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tokenize text files into a corpus, or import other trainers' token files.",
      discussion: """
        With --tokenizer the files are text, without it they are tokens.

        Text: a .jsonl file holds one document a line, in its field "text". Any other file is one document or, with \
        --document-separator, several: the bytes between lines that say exactly LINE. An output that is there is \
        replaced once the new one is whole.

        \(TokenFileOptions.discussion)
        """)

    @Argument(help: ArgumentHelp("Text files, .jsonl files, or files of tokens.", valueName: "file"))
    var inputs: [String]

    @Option(help: "The corpus to write (HDF5).")
    var output: String

    @Option(help: "The tokenizer of text files: bytes.")
    var tokenizer: String?

    @Option(help: ArgumentHelp("The line that separates documents in text files.", valueName: "line"))
    var documentSeparator: String?

    @OptionGroup(title: "Files of tokens")
    var tokenFiles: TokenFileOptions

    func validate() throws {
      try tokenFiles.validate(tokenizer: tokenizer, documentSeparator: documentSeparator)
      if let tokenizer, tokenizer != "bytes" {
        throw ValidationError("--tokenizer \(tokenizer): this version knows one tokenizer, 'bytes'")
      }
      guard documentSeparator?.contains(where: \.isNewline) != true else {
        throw ValidationError("--document-separator: a separator is one line, without its newline")
      }
    }

    func run() throws {
      var line = ProgressLine(unit: "MB")
      defer { line.clear() }
      let built: CorpusBuilder.Progress
      if tokenizer == nil {
        built = try tokenFiles.importer().build(inputs, output: output) {
          line.show(done: $0.bytesRead, of: $0.totalBytes)
        }
      } else {
        try tokenFiles.requireText(inputs)
        let builder = CorpusBuilder(tokenizer: ByteTokenizer(), documentSeparator: documentSeparator)
        built = try builder.build(inputs, output: output) {
          line.show(done: $0.bytesRead, of: $0.totalBytes)
        }
      }
      line.clear()
      let documents = "\(built.documents) document\(built.documents == 1 ? "" : "s")"
      let bytes = "\(built.bytesRead) bytes\(tokenizer == nil ? "" : " of text")"
      let seconds = line.seconds.formatted(.number.precision(.fractionLength(1)))
      ErrorReport.print(
        toStandardError: "\(output): \(built.tokens) tokens, \(documents), \(bytes) in \(seconds) s")
    }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what a corpus is.")

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"))
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let file = try TokenFile(path)
      try JSONReport([
        ("tokens", .integer(file.tokenCount)),
        ("dtype", .text(file.elementType.rawValue)),
        ("documents", .integer(file.documentCount)),
        ("vocab_size", .integer(file.vocabularySize)),
        ("eos_token_id", .integer(file.endOfDocument)),
        ("tokenizer", .text(file.tokenizer)),
        ("tokenizer_sha256", .text(file.tokenizerSHA256)),
      ]).print(asJSON: json)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read every token of a corpus and check it.",
      discussion: "Exits with 65 where the corpus is bad.")

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"))
    var path: String

    @Option(help: ArgumentHelp("Check the tokens against N, not the corpus's own vocab_size.", valueName: "n"))
    var vocabSize: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if let vocabSize, vocabSize < 1 { throw ValidationError("--vocab-size \(vocabSize): expected 1 or more") }
    }

    func run() throws {
      let file = try TokenFile(path)
      var line = ProgressLine(unit: "million tokens")
      defer { line.clear() }
      let report = try CorpusVerifier(vocabularySize: vocabSize).verify(file) {
        line.show(done: $0, of: file.tokenCount)
      }
      line.clear()
      try JSONReport([
        ("valid", .boolean(true)),
        ("tokens", .integer(report.tokens)),
        ("documents", .integer(report.documents)),
        ("largest_token", .integer(report.largestToken)),
        ("vocab_size", .integer(report.vocabularySize)),
        ("content_hash", .text(file.contentHash())),
      ]).print(asJSON: json)
    }
  }
}
