import ArgumentParser
import Corpus
import Display
import Host
import Storage
import Tokenizers
import Training

/// `phd corpus`: builds, inspects and exports corpora, and trains tokenizers.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus",
    abstract: "Build, inspect, verify and export corpora; train tokenizers.",
    subcommands: [Build.self, Inspect.self, Show.self, Verify.self, Export.self, TrainTokenizer.self])

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tokenize text files into a corpus, or import other trainers' token files.",
      discussion: """
        With --tokenizer the files are text, without it they are tokens. An existing output is replaced when the new \
        one is complete.

        Text: JSON lines contain one document per line, in the field "text". A file is read as JSON lines if its name \
        ends in .jsonl, .ndjson or .json, or if its first line is a JSON object; with --format text, only if the name \
        ends in .jsonl or .ndjson. An object without the field "text" is an error. Any other file is one document, or, \
        with --document-separator LINE, one document between each two lines that equal LINE. The tokenizer is a \
        byte-level BPE tokenizer.json of Hugging Face. It yields the same ids as the tokenizers library without \
        special tokens, requires UTF-8, and is stored in the corpus.

        \(TokenFileOptions.discussion)
        """)

    @Argument(
      help: ArgumentHelp("Text files, JSON lines, or files of tokens.", valueName: "file"), completion: .file())
    var inputs: [String]

    @Option(help: "The corpus to write (HDF5).")
    var output: String

    @Option(
      help: ArgumentHelp(
        "The tokenizer for text: bytes, a tokenizer.json, or a folder with one.", valueName: "bytes|path"),
      completion: .file())
    var tokenizer: String?

    @Option(
      help: ArgumentHelp(
        "The token of tokenizer.json to add after each document; default: <|endoftext|>, else </s>.", valueName: "token"
      ))
    var endOfDocument: String?

    @Option(help: ArgumentHelp("The line that separates documents in text files.", valueName: "line"))
    var documentSeparator: String?

    @Option(help: ArgumentHelp("Threads for tokenizing; default: all available processors.", valueName: "n"))
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
        throw ValidationError("--end-of-document: not for --tokenizer bytes, whose documents always end with token 256")
      }
      try require(("threads", threads, threadRange))
      guard documentSeparator?.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d }) != true else {
        throw ValidationError("--document-separator: expected one line, without a newline")
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
      abstract: "Train a byte-level BPE tokenizer on text files and write a tokenizer.json.",
      discussion: """
        Repeatedly merges the most frequent pair of neighbouring tokens; among equally frequent pairs, the one with \
        the smaller ids. The same files in the same order yield the same tokenizer.json. The tokenizers library reads \
        the file and yields the same tokens.
        """)

    @Argument(help: ArgumentHelp("Text files and JSON lines, all UTF-8.", valueName: "file"), completion: .file())
    var inputs: [String]

    @Option(help: ArgumentHelp("Size of the vocabulary: 256 bytes, special tokens, and merges.", valueName: "n"))
    var vocabSize: Int

    @Option(help: ArgumentHelp("The tokenizer.json to write.", valueName: "file"), completion: .file())
    var output: String

    @Option(
      help: ArgumentHelp(
        "How text is split into words: gpt2, cl100k (OLMo 2, Llama 3), qwen2 (each digit is a word).", valueName: "name"
      ))
    var pattern = "gpt2"

    @Option(
      help: ArgumentHelp(
        "A special token; may be repeated, ids start at 0; default: <|endoftext|>.",
        valueName: "token"))
    var special: [String] = []

    @Option(help: ArgumentHelp("The line that separates documents in text files.", valueName: "line"))
    var documentSeparator: String?

    @Option(help: ArgumentHelp("Threads for counting words; default: all available processors.", valueName: "n"))
    var threads: Int?

    private var specialTokens: [String] { special.isEmpty ? [FileTokenizer.defaultEndTokens[0]] : special }

    func validate() throws {
      let least = 256 + specialTokens.count
      guard (least...1 << 24).contains(vocabSize) else {
        throw ValidationError(
          "--vocab-size \(vocabSize): expected \(least), for bytes and special tokens, to \(1 << 24)")
      }
      if specialTokens.contains("") { throw ValidationError("--special: expected a text that is not empty") }
      for (index, token) in specialTokens.enumerated()
      where specialTokens[..<index].contains(where: { $0.utf8.elementsEqual(token.utf8) }) {
        throw ValidationError("--special \(token): is given twice")
      }
      guard WordPattern(rawValue: pattern) != nil else {
        let names = WordPattern.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--pattern \(pattern): expected one of \(names)")
      }
      guard documentSeparator?.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d }) != true else {
        throw ValidationError("--document-separator: expected one line, without a newline")
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
    static let configuration = CommandConfiguration(abstract: "Describe a corpus: its tokens, documents and tokenizer.")

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"), completion: .file())
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let file = try TokenFile(path)
      _ = try file.tokenizerFile()
      if let warning = file.capacityWarning { ErrorReport.warn(warning) }
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
      abstract: "Check every token of a corpus.",
      discussion: "Exits with status 65 if the corpus is invalid.")

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"), completion: .file())
    var path: String

    @Option(help: ArgumentHelp("Check that tokens are below N instead of the corpus's vocab_size.", valueName: "n"))
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
      if let warning = report.warning { ErrorReport.warn(warning) }
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
