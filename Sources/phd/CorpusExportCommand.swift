import ArgumentParser
import Corpus
import Display

extension CorpusCommand {
  /// `phd corpus export`: tokens for NumPy and other trainers.
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a corpus's tokens as a .npy file, or as numbers without a header.",
      discussion: """
        The numbers are of the corpus's own type, little-endian. numpy.load reads the file; with --raw numpy.memmap, \
        OLMo (which calls such files .npy too) and nanoGPT do. An output that is there is replaced once the new one is \
        whole.
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
