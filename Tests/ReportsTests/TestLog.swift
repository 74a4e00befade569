import Foundation
import JSON
import TestSupport

/// Writes logs in the format of runs.
struct TestLog {
  var lines: [String] = []

  /// The lines of a run: its start, and steps with falling losses.
  ///
  /// - Parameters:
  ///   - offset: added to every loss.
  ///   - noise: the approximate standard deviation of the losses' noise.
  ///   - seconds: seconds per step.
  static func run(
    _ steps: ClosedRange<Int>, tokens: Int = 4096, flops: Int = 1_000_000, seconds: Double = 0.5, offset: Double = 0,
    noise: Double = 0.05, seed: UInt64 = 1
  ) -> TestLog {
    var log = TestLog()
    log.add([
      "event": "run", "resumed_from_step": .integer(steps.lowerBound - 1), "ranks": 2, "version": "0.1.0",
      "time": "2026-01-02T03:04:05Z", "flops_per_step": .integer(flops),
    ])
    var random = SplitMix(state: seed)
    for step in steps {
      let luck = (0..<3).reduce(0.0) { sum, _ in sum + Double.random(in: -1...1, using: &random) } * noise
      log.add([
        "event": "step", "step": .integer(step), "loss": .number(2 + 4 / Double(step).squareRoot() + offset + luck),
        "z_loss": .number(1e-5 / Double(step)), "gradient_norm": .number(0.5 + abs(luck)),
        "learning_rate": .number(1e-3 * min(1, Double(step) / 10)), "tokens": .integer(step * tokens),
        "epoch": .integer(step / 50), "seconds": .number(seconds),
        "tokens_per_second": .number(Double(tokens) / seconds),
      ])
    }
    return log
  }

  mutating func add(_ record: JSONValue) { lines.append(record.compact) }

  /// Writes the lines as the log of a run, in a folder of this name.
  func write(to folder: TemporaryFolder, _ name: String, configuration: JSONValue? = nil) throws -> String {
    let path = "\(folder.path)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try TestSupport.write(lines.map { $0 + "\n" }.joined().utf8, to: path + "/log.jsonl")
    if let configuration { try TestSupport.write(configuration.pretty.utf8, to: path + "/config.json") }
    return path
  }
}
