import ArgumentParser
import Corpus
import Display

extension CorpusCommand {
  /// `phd corpus export`: writes tokens for NumPy and other trainers.
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a corpus's tokens as a .npy file, or as numbers without a header.",
      discussion: """
        The numbers have the corpus's type, little-endian. numpy.load reads the file. With --raw, numpy.memmap, OLMo \
        (which also names such files .npy) and nanoGPT read it. An existing output is replaced when the new one is \
        complete.
        """)

    @Argument(help: ArgumentHelp("The corpus.", valueName: "corpus"), completion: .file())
    var path: String

    @Option(help: "The file to write.")
    var output: String

    @Flag(help: "Write no header.")
    var raw = false

    func run() throws {
      var line = ProgressLine(.millionTokens)
      defer { line.clear() }
      let file = try TokenExporter(hasHeader: !raw).export(path, to: output) { line.show(done: $0, of: $1) }
      line.clear()
      ErrorReport.print(
        toStandardError: "\(output): \(file.tokenCount) tokens, \(file.elementType.rawValue)"
          + (raw ? ", without a header" : ""))
    }
  }
}
