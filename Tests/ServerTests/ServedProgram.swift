import Foundation
import HuggingFace
import JSON
import Kernels
import RunFiles
import TestSupport
import Training
import Transformer

/// A running `phd serve` with a small model.
final class ServedProgram {
  let program: RunningProgram
  let port: Int

  /// - Throws: `LaunchError` with the program's output if it does not start.
  init(_ checkpoint: String, _ arguments: [String] = []) throws {
    program = try start("phd", ["serve", "--checkpoint", checkpoint, "--port", "0"] + arguments)
    guard program.wait(until: { $0.output.contains("\n") }), let port = ServedProgram.port(program.output) else {
      throw LaunchError(description: "phd serve does not serve: \(program.output) \(program.error)")
    }
    self.port = port
  }

  /// The port in the program's first line.
  static func port(_ line: String) -> Int? {
    line.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\/v1/).flatMap { Int($0.1) }
  }

  var url: String { "http://127.0.0.1:\(port)/v1" }

  func client() throws -> RawClient { try RawClient(port: port) }

  /// The program's resident memory in bytes.
  var residentBytes: Int {
    // The shell that started the program has been replaced by it.
    let status = FileManager.default.contents(atPath: "/proc/\(program.processIdentifier)/status") ?? Data()
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }

  /// Sends SIGTERM and waits for the end.
  func stop() throws -> Outcome {
    program.signal(SIGTERM)
    return try program.wait(timeout: 30)
  }

  /// Writes a checkpoint with ``SmallModel``'s weights and a pattern.
  static func writeCheckpoint(
    _ decoding: HiddenDecoding = HiddenDecoding(pattern: .cswa, repeats: 2, window: 5, chunk: 16),
    brokenToken: Int? = nil, to path: String
  ) throws {
    let (layout, parameters) = SmallModel.parameters(brokenToken: brokenToken)
    let description = ModelDescription(
      model: SmallModel.configuration, hiddenDecoding: decoding, metadata: ModelMetadata())
    try Checkpoint.writeWeights(
      layout, configuration: SavedModel.configuration(of: description, name: "small"), to: path
    ) { tensor, floats in
      guard let target = floats.baseAddress else { return }
      target.update(from: parameters.pointer + tensor.range.lowerBound, count: floats.count)
    }
  }
}
