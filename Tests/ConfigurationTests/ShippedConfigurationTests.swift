import Foundation
import Testing
import Transformer

@testable import Configuration

/// The configurations in `configs/`, and the generated reference and schema.
@Suite struct ShippedConfigurationTests {
  private static let names = [
    "naive", "paper-1.2b-cswa-2", "paper-1.2b-cswa-3", "paper-1.2b-vanilla", "paper-550m-swa-2", "paper-550m-swa-3",
    "paper-550m-swa-5", "paper-550m-vanilla", "phd", "phd-cswa", "swa", "vanilla",
  ]

  private func read(_ name: String) throws -> RunConfiguration {
    let file = Example.package.appending(path: "configs/\(name).json")
    return try RunConfiguration(text: String(contentsOf: file, encoding: .utf8), file: file.path)
  }

  @Test func `these tests cover all files in configs`() throws {
    let folder = Example.package.appending(path: "configs").path
    let present = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(
      present.filter { $0.hasSuffix(".json") }.sorted() == (Self.names + ["schema"]).map { $0 + ".json" }.sorted())
  }

  @Test(arguments: names) func `every configuration is valid`(_ name: String) throws {
    let configuration = try read(name)
    #expect(configuration.name == name)
    #expect(configuration.warnings.isEmpty)
    for ranks in [1, 2, 4, 8] { #expect(configuration.validationError(ranks: ranks) == nil) }
  }

  /// So their loss curves can be compared.
  @Test(arguments: ["vanilla", "phd", "swa", "naive"]) func `the small configurations differ only in the pattern`(
    _ name: String
  ) throws {
    let (forbidden, allowed) = try read(name).differences(from: read("phd-cswa"))
    #expect(forbidden.allSatisfy { $0.key.hasPrefix("hidden_decoding.") })
    #expect(allowed.map(\.key) == ["name"])
  }

  @Test func `the models of the paper have its sizes and tokens`() throws {
    let small = try read("paper-550m-vanilla")
    #expect(abs(Double(ParameterLayout(small.model).count) - 550e6) < 2e6)
    let large = try read("paper-1.2b-vanilla")
    #expect(abs(Double(ParameterLayout(large.model).count) - 1.2e9) < 0.05e9)
    for (configuration, tokens) in [(small, 300e9), (large, 500e9)] {
      let perStep = configuration.training.globalBatchSize * configuration.data.sequenceLength
      #expect(abs(Double(configuration.training.steps * perStep) - tokens) < Double(perStep))
    }
    for repeats in [2, 3, 5] {
      #expect(try read("paper-550m-swa-\(repeats)").hiddenDecoding.name == "PHD-SWA-\(repeats)-16")
      #expect(try read("paper-550m-swa-\(repeats)").model == small.model)
    }
    for repeats in [2, 3] {
      #expect(try read("paper-1.2b-cswa-\(repeats)").hiddenDecoding.name == "PHD-CSWA-\(repeats)-16-32")
      #expect(try read("paper-1.2b-cswa-\(repeats)").model == large.model)
    }
  }

  /// With `PHD_WRITE_DOCS=1` in the environment, this test writes the file.
  @Test func `the configuration reference is up to date`() throws {
    let file = Example.package.appending(path: "docs/configuration.md")
    if ProcessInfo.processInfo.environment["PHD_WRITE_DOCS"] == "1" {
      try ConfigurationReference.markdown.write(to: file, atomically: true, encoding: .utf8)
    }
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text == ConfigurationReference.markdown, "the head of the file says how to generate it again")
  }

  /// With `PHD_WRITE_DOCS=1` in the environment, this test writes the file.
  @Test func `the schema is up to date`() throws {
    let file = Example.package.appending(path: "configs/schema.json")
    let expected = ConfigurationReference.schema.pretty + "\n"
    if ProcessInfo.processInfo.environment["PHD_WRITE_DOCS"] == "1" {
      try expected.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(
      try String(contentsOf: file, encoding: .utf8) == expected, "the keys have changed: generate the schema again")
  }

  @Test func `the reference has every key once`() throws {
    // The keys outside all sections are before the first section's heading.
    let parts = ConfigurationReference.markdown.components(separatedBy: "\n## `")
    func rows(_ key: String, in part: String?) -> Int {
      part?.split(separator: "\n").count { $0.hasPrefix("| `\(key)`") } ?? 0
    }
    let resolved = try RunConfiguration(
      text: Example.full, file: "x.json", overrides: ["schedule.kind=wsd"]
    ).resolved
    for section in resolved.object?.fields ?? [] {
      guard let keys = section.value.object?.fields else {
        #expect(rows(section.name, in: parts.first) == 1, "\(section.name)")
        continue
      }
      let own = parts.filter { $0.hasPrefix("\(section.name)`\n") }
      #expect(own.count == 1)
      for key in keys { #expect(rows(key.name, in: own.first) == 1, "\(section.name).\(key.name)") }
    }
  }
}
