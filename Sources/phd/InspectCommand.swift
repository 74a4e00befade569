import ArgumentParser
import Display
import Foundation
import Host
import Inspection
import JSON
import Storage
import Training
import Transformer

/// `phd inspect`: shows attention patterns and hidden copies.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show a pattern's attention mask, or a model's hidden copies.",
    subcommands: [Patterns.self, Copies.self])

  struct Patterns: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Draw the attention mask between the copies of tokens.",
      discussion: """
        Uses the same rule as attention itself. Without --pattern, all patterns are drawn. Marked are the keys that a \
        decoder still holds after the last position: permanently in the KV cache, or only while they are in the window \
        of later tokens.
        """)

    @Option(
      help: ArgumentHelp("vanilla, naive, phd, swa or cswa; may be repeated.", valueName: "name"))
    var pattern: [Pattern] = []

    @Option(help: ArgumentHelp("K, copies of each token; ignored for vanilla.", valueName: "n"))
    var repeats = 2

    @Option(help: ArgumentHelp("W, the window of swa and cswa, in positions.", valueName: "n"))
    var window = 3

    @Option(help: ArgumentHelp("C, the chunk of cswa, in positions.", valueName: "n"))
    var chunk = 4

    @Option(help: ArgumentHelp("T, the number of positions to draw.", valueName: "n"))
    var positions = 8

    @Option(help: "The order of rows and columns: by token and then copy, or by copy and then token.")
    var order = PatternGrid.Order.tokens

    @Option(name: .shortAndLong, help: ArgumentHelp("Also write an SVG.", valueName: "file"), completion: .file())
    var output: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      for chosen in chosen {
        if let fault = HiddenDecoding.validationError(
          pattern: chosen, repeats: repeats(of: chosen), window: window(of: chosen), chunk: chunk(of: chosen))
        {
          throw ValidationError(fault)
        }
      }
      let rows = positions.multipliedReportingOverflow(by: chosen.map(repeats).max() ?? 1)
      if positions < 1 || rows.overflow || rows.partialValue > PatternGrid.maximumRows {
        throw ValidationError(
          "--positions \(positions): expected 1 or more, and at most \(PatternGrid.maximumRows) rows with all copies")
      }
    }

    func run() throws {
      let grids = chosen.map { PatternGrid(decoding($0), positions: positions, order: order) }
      if let output {
        try WholeFile.write(Array(PatternPicture(grids).svg.utf8), to: output)
        ErrorReport.print(toStandardError: "wrote \(output)")
      }
      if json {
        print(JSONValue.array(grids.map(\.json)).compact)
      } else {
        let terminal = Terminal(STDOUT_FILENO)
        print(PatternText(grids, Paint(for: terminal)).text(width: terminal?.width ?? 100))
      }
    }

    private var chosen: [Pattern] { pattern.isEmpty ? [.vanilla, .naive, .phd, .swa, .cswa] : pattern }

    private func decoding(_ pattern: Pattern) -> HiddenDecoding {
      HiddenDecoding(
        pattern: pattern, repeats: repeats(of: pattern), window: window(of: pattern), chunk: chunk(of: pattern))
    }

    private func repeats(of pattern: Pattern) -> Int { pattern.hasHiddenCopies ? repeats : 1 }
    private func window(of pattern: Pattern) -> Int? { pattern.usesWindow ? window : nil }
    private func chunk(of pattern: Pattern) -> Int? { pattern.usesChunk ? chunk : nil }
  }

  struct Copies: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Report how the copies of a token differ, and what each copy predicts.",
      discussion: """
        Reports, for each layer and copy, the cosine to the previous copy and the size of the difference; and for each \
        copy, the loss and the entropy of the head's prediction from it. Only the last copy was trained to predict.
        """)

    @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
    var checkpoint: String

    @Option(help: ArgumentHelp("The corpus, a path or a glob.", valueName: "file"), completion: .file())
    var corpus: String

    @Option(help: ArgumentHelp("Number of samples, from the corpus's start.", valueName: "n"))
    var sequences = 16

    @Option(help: ArgumentHelp("Target tokens per sample; default: as in the model's training.", valueName: "n"))
    var sequenceLength: Int?

    @Option(help: ArgumentHelp("Threads; default: all available processors.", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      try require(
        ("sequences", sequences, 1...1 << 31), ("sequence-length", sequenceLength, 1...1 << 31),
        ("threads", threads, threadRange))
    }

    func run() throws {
      try RunSetup.requireProcessor()
      var line = ProgressLine(.samples)
      defer { line.clear() }
      let inspection = try CopyInspection(
        checkpoint: checkpoint, corpus: corpus, sequenceLength: sequenceLength, sequences: sequences, threads: threads
      ) { line.show(done: $0, of: $1) }
      line.clear()
      print(json ? inspection.json.compact : inspection.text)
    }
  }
}

extension Pattern: ExpressibleByArgument {}
extension PatternGrid.Order: ExpressibleByArgument {}
