import ArgumentParser
import Corpus
import Display
import Host
import Storage
import Tokenizers
import Training

/// `phd corpus`: make corpora, look at them.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus",
    abstract: "Build corpora of text or of other trainers' tokens, look at them, export them; make tokenizers.",
    subcommands: [Build.self, Inspect.self, Show.self, Verify.self, Export.self, TrainTokenizer.self])

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tokenize text files into a corpus, or import other trainers' token files.",
      discussion: """
        With --tokenizer the files are text, without it they are tokens.

        Text: JSON lines hold one document a line, in the field "text"; they are recognised by the names .jsonl, \
        .ndjson and .json or by their first line, with --format text by the first two names alone. A file of another \
        name whose first line is an object without that field is an error. Any other file is one document or, with \
        --document-separator, several: the bytes between lines that say exactly LINE. An output that is there is \
        replaced once the new one is whole. A tokenizer.json of Hugging Face, of the byte-level BPE kind, gives the \
        ids that the tokenizers library gives without adding special tokens; it takes UTF-8 and goes into the corpus.

        \(TokenFileOptions.discussion)
        """)

    @Argument(
      help: ArgumentHelp("Text files, JSON lines, or files of tokens.", valueName: "file"), completion: .file())
    var inputs: [String]

    @Option(help: "The corpus to write (HDF5).")
    var output: String

    @Option(
      help: ArgumentHelp("Of text: bytes, a tokenizer.json, or a folder with one.", valueName: "bytes|path"),
      completion: .file())
    var tokenizer: String?

    @Option(
      help: ArgumentHelp(
        "The token after each document, of a tokenizer.json; default: <|endoftext|>, else </s>.", valueName: "token"))
    var endOfDocument: String?

    @Option(help: ArgumentHelp("The line that separates documents in text files.", valueName: "line"))
    var documentSeparator: String?

    @Option(help: ArgumentHelp("Threads that tokenize; default: all processors at hand.", valueName: "n"))
    var threads: Int?

    @OptionGroup(title: "Files of tokens")
    var tokenFiles: TokenFileOptions

    func validate() throws {
      try tokenFiles.validate(
        tokenizer: tokenizer,
        ofText: [
          ("--document-separator", documentSeparator != nil), ("--end-of-document", endOfDocument != nil),
          ("--threads", threads != nil),
        ])
      if tokenizer == "bytes" && endOfDocument != nil {
        throw ValidationError("--end-of-document: the tokenizer bytes ends documents with 256")
      }
      try require(("threads", threads, threadRange))
      guard documentSeparator?.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d }) != true else {
        throw ValidationError("--document-separator: a separator is one line, without its newline")
      }
    }

    func run() throws {
      var line = ProgressLine(.megabytes)
      defer { line.clear() }
      let built: CorpusBuilder.Progress
      if let tokenizer {
        try tokenFiles.requireText(inputs)
        let builder = CorpusBuilder(
          tokenizer: try named(tokenizer), documentSeparator: documentSeparator,
          threads: threads ?? Threads.available, format: tokenFiles.format.option)
        built = try builder.build(inputs, output: output) {
          line.show(done: $0.bytesRead, of: $0.totalBytes)
        }
      } else {
        built = try tokenFiles.importer().build(inputs, output: output) {
          line.show(done: $0.bytesRead, of: $0.totalBytes)
        }
      }
      line.clear()
      let documents = Quantity.count(built.documents, "document")
      let bytes = "\(built.bytesRead) bytes\(tokenizer == nil ? "" : " of text")"
      let seconds = line.seconds.formatted(.number.precision(.fractionLength(1)))
      ErrorReport.print(
        toStandardError: "\(output): \(built.tokens) tokens, \(documents), \(bytes) in \(seconds) s")
    }

    private func named(_ tokenizer: String) throws -> any Tokenizer {
      if tokenizer == "bytes" { return ByteTokenizer() }
      return try FileTokenizer(BPETokenizer(reading: tokenizer), endOfDocument: endOfDocument)
    }
  }

  struct TrainTokenizer: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "train-tokenizer",
      abstract: "Make a tokenizer.json of text files: byte-level BPE.",
      discussion: """
        The pair of neighbouring tokens that occurs most often becomes a token, again and again; of pairs that occur \
        equally often, the one with the smaller ids. The same files in the same order give the same bytes. The \
        tokenizers library reads the file, and makes the same of the same text.
        """)

    @Argument(help: ArgumentHelp("Text files and JSON lines, all UTF-8.", valueName: "file"), completion: .file())
    var inputs: [String]

    @Option(help: ArgumentHelp("Tokens in all: the 256 bytes, special ones, and merges.", valueName: "n"))
    var vocabSize: Int

    @Option(help: ArgumentHelp("The tokenizer.json to write.", valueName: "file"), completion: .file())
    var output: String

    @Option(
      help: ArgumentHelp(
        "What words are: gpt2, cl100k (OLMo 2, Llama 3), or qwen2 (each digit a word).", valueName: "name"))
    var pattern = "gpt2"

    @Option(
      help: ArgumentHelp(
        "A special token, the first with the id 0; may be given several times; default: <|endoftext|>.",
        valueName: "token"))
    var special: [String] = []

    @Option(help: ArgumentHelp("The line that separates documents in text files.", valueName: "line"))
    var documentSeparator: String?

    @Option(help: ArgumentHelp("Threads that count words; default: all processors at hand.", valueName: "n"))
    var threads: Int?

    private var specialTokens: [String] { special.isEmpty ? [FileTokenizer.defaultEndTokens[0]] : special }

    func validate() throws {
      let least = 256 + specialTokens.count
      guard (least...1 << 24).contains(vocabSize) else {
        throw ValidationError(
          "--vocab-size \(vocabSize): expected \(least), for bytes and special tokens, to \(1 << 24)")
      }
      if specialTokens.contains("") { throw ValidationError("--special: expected a text") }
      for (index, token) in specialTokens.enumerated()
      where specialTokens[..<index].contains(where: { $0.utf8.elementsEqual(token.utf8) }) {
        throw ValidationError("--special \(token): is there twice")
      }
      guard WordPattern(rawValue: pattern) != nil else {
        let names = WordPattern.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--pattern \(pattern): expected one of \(names)")
      }
      guard documentSeparator?.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d }) != true else {
        throw ValidationError("--document-separator: a separator is one line, without its newline")
      }
      try require(("threads", threads, threadRange))
    }

    func run() throws {
      guard let pattern = WordPattern(rawValue: pattern) else { return }
      var line = ProgressLine(.megabytes)
      defer { line.clear() }
      let total = inputs.reduce(0) { $0 + ((try? FileStatus($1).size) ?? 0) }
      let training = TokenizerTraining(
        BPETrainer(vocabularySize: vocabSize, specialTokens: specialTokens), pattern: pattern,
        documentSeparator: documentSeparator, threads: threads ?? Threads.available)
      let bytes = try training.train(inputs) { line.show(done: $0, of: total) }
      try WholeFile.write(bytes, to: output)
      line.clear()
      let tokenizer = try BPETokenizer(TokenizerFile(path: output, name: "tokenizer", bytes: bytes))
      let seconds = line.seconds.formatted(.number.precision(.fractionLength(1)))
      ErrorReport.print(toStandardError: "\(output): \(tokenizer.vocabularySize) tokens in \(seconds) s")
    }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what a corpus is.")

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"), completion: .file())
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let file = try TokenFile(path)
      _ = try file.tokenizerFile()
      if let warning = file.capacityWarning { ErrorReport.print(toStandardError: "phd: warning: \(warning)") }
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

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"), completion: .file())
    var path: String

    @Option(help: ArgumentHelp("Check the tokens against N, not the corpus's own vocab_size.", valueName: "n"))
    var vocabSize: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if let vocabSize, vocabSize < 1 { throw ValidationError("--vocab-size \(vocabSize): expected 1 or more") }
    }

    func run() throws {
      var line = ProgressLine(.millionTokens)
      defer { line.clear() }
      let (report, hash) = try ConsistentRead.run(path) { file in
        _ = try file.tokenizerFile()
        let report = try CorpusVerifier(vocabularySize: vocabSize).verify(file) {
          line.show(done: $0, of: file.tokenCount)
        }
        return (report, try file.contentHash())
      }
      line.clear()
      if let warning = report.warning { ErrorReport.print(toStandardError: "phd: warning: \(warning)") }
      var fields: [(String, JSONReport.Value)] = [
        ("valid", .boolean(true)),
        ("tokens", .integer(report.tokens)),
        ("documents", .integer(report.documents)),
        ("largest_token", .integer(report.largestToken)),
        ("vocab_size", .integer(report.vocabularySize)),
        ("content_hash", .text(hash)),
      ]
      if json, let warning = report.warning { fields.append(("warning", .text(warning))) }
      try JSONReport(fields).print(asJSON: json)
    }
  }
}
