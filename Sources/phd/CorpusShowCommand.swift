import ArgumentParser
import CommandLineOptions
import Configuration
import Corpus
import Display
import JSON
import Storage
import Training

extension CorpusCommand {
  /// `phd corpus show`: the samples of one step.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the documents and the text of a step's batch.",
      discussion: """
        The batch is computed from the configuration and the corpora; the run's folder is not needed. If a corpus is \
        named, only the samples from this corpus are shown.
        """)

    @Argument(
      help: ArgumentHelp("One of the run's training corpora; default: all.", valueName: "corpus"), completion: .file())
    var path: String?

    @Option(help: ArgumentHelp("The step, from 1.", valueName: "n"))
    var step: Int

    @Option(help: ArgumentHelp("The run's configuration (JSON).", valueName: "file"), completion: .file())
    var config: String

    @OptionGroup var overrides: ConfigurationOverrides

    @Option(help: ArgumentHelp("Show at most N characters of each document.", valueName: "n"))
    var characters: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if !(1...1 << 31).contains(step) { throw ValidationError("--step \(step): expected 1 to \(1 << 31)") }
      if let characters, characters < 1 { throw ValidationError("--characters \(characters): expected 1 or more") }
    }

    func run() throws {
      let configuration = try RunSetup.load(config, overrides: overrides.values)
      let (batch, only, shown) = try ConsistentRead.run(
        { try configuration.openTrainingData() }, files: { $0.sources.flatMap(\.files) },
        { try read($0, configuration) })
      if json {
        let report: JSONValue = [
          "step": .integer(step), "epoch": .integer(batch[0].epoch), "sequences": .integer(batch.count),
          "samples": .array(shown.map(\.json)),
        ]
        print(report.compact)
      } else {
        let ofThese = only.map { ", \(shown.count) of them from \($0)" } ?? ""
        print("step \(step): \(batch.count) samples of \(configuration.data.sequenceLength + 1) tokens\(ofThese)")
        for sample in shown { print("\n" + sample.lines) }
      }
    }

    /// The step's batch, the path of the named corpus, and the batch's samples from it (all if none is named).
    private func read(
      _ mixture: Mixture, _ configuration: RunConfiguration
    ) throws -> (batch: [SampleSchedule.Sample], only: String?, shown: [ShownSample]) {
      let only = try path.map { try Show.named($0, in: mixture.sources) }
      let batch = mixture.batch(step: step, size: configuration.training.globalBatchSize)
      var texts: [String: TokenText] = [:]
      var shown: [ShownSample] = []
      for (sequence, sample) in batch.enumerated() {
        let source = mixture.sources[sample.entry]
        if let only, source.location(of: sample.index).file.path != only { continue }
        let contents = try SampleContents(source, sample: sample.index)
        let path = contents.file.path
        if texts[path] == nil { texts[path] = try TokenText(of: contents.file) }
        shown.append(
          ShownSample(
            sequence: sequence, sample: sample, samples: source.sampleCount, contents: contents, text: texts[path],
            characters: characters))
      }
      return (batch, only, shown)
    }

    /// The path of a corpus in the configuration, which may differ from the path on the command line.
    private static func named(_ path: String, in sources: [DataSource]) throws -> String {
      let status = try FileStatus(path)
      let files = sources.flatMap(\.files).map(\.path)
      let same = try files.first { file in
        let other = try FileStatus(file)
        return other.device == status.device && other.file == status.file
      }
      guard let same else {
        throw ConfigurationError(
          "\(path) is not one of the configuration's training corpora (\(files.prefix(8).joined(separator: ", "))): "
            + "remove it from the command, or use --set data.train=\(path)")
      }
      return same
    }
  }
}

/// The report on one sample.
private struct ShownSample {
  let sequence: Int
  let sample: SampleSchedule.Sample
  /// The number of samples in its corpus.
  let samples: Int
  let contents: SampleContents
  let text: TokenText?
  let characters: Int?

  private func tokens(of part: SampleContents.Part) -> ArraySlice<Int32> {
    let start = contents.range.lowerBound
    return contents.tokens[part.tokens.lowerBound - start..<part.tokens.upperBound - start]
  }

  /// A part's text; its tokens if the tokenizer is unknown.
  private func content(of part: SampleContents.Part) -> (text: String, isText: Bool) {
    let tokens = tokens(of: part)
    guard let text else { return (tokens.map { "\($0)" }.joined(separator: " "), false) }
    return (String(decoding: tokens.flatMap { text.bytes(of: Int($0)) }, as: UTF8.self), true)
  }

  private func shortened(_ text: String) -> String {
    guard let characters, text.count > characters else { return text }
    return text.prefix(characters) + "… (\(text.count - characters) more characters)"
  }

  var json: JSONValue {
    [
      "sequence": .integer(sequence), "path": .string(contents.file.path), "sample": .integer(sample.index),
      "epoch": .integer(sample.epoch), "first_token": .integer(contents.range.lowerBound),
      "tokens": .array(contents.tokens.map { .integer(Int($0)) }),
      "documents": .array(
        contents.parts.map { part in
          let (text, isText) = content(of: part)
          return [
            "document": part.document.map { .integer($0) } ?? .null,
            "first_token": .integer(part.tokens.lowerBound), "tokens": .integer(part.tokens.count),
            "begins_before": .bool(part.beginsBefore), "ends_behind": .bool(part.endsAfter),
            "text": isText ? .string(shortened(text)) : .null,
          ]
        }),
    ]
  }

  var lines: String {
    let range = contents.range
    let head =
      "— sequence \(sequence): \(contents.file.path), sample \(sample.index) of \(samples), epoch \(sample.epoch), tokens "
      + "\(range.lowerBound) to \(range.upperBound - 1)"
    return ([head] + contents.parts.map { "\(name(of: $0))\n\(shortened(content(of: $0).text))" }).joined(
      separator: "\n")
  }

  private func name(of part: SampleContents.Part) -> String {
    let cut =
      switch (part.beginsBefore, part.endsAfter) {
      case (false, false): "whole"
      case (true, false): "its end"
      case (false, true): "its beginning"
      case (true, true): "a part of it"
      }
    let document = part.document.map { "document \($0)" } ?? "a document"
    return "[\(document), \(cut), \(Quantity.count(part.tokens.count, "token"))]"
  }
}
