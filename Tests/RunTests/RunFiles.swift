import Foundation
import JSON
import Storage
import Testing
import Training

/// The files of a run's folder.
struct RunFiles {
  let path: String

  func checkpoint(_ step: Int) -> String { "\(path)/\(RunFiles.name(step))" }

  static func name(_ step: Int) -> String { "step-\(String(format: "%08d", step)).h5" }

  /// The names of all files, sorted.
  var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  /// The steps that have a checkpoint, in order.
  var checkpoints: [Int] {
    files.compactMap { $0.hasPrefix("step-") && $0.hasSuffix(".h5") ? Int($0.dropFirst(5).dropLast(3)) : nil }
  }

  // MARK: the loss log

  /// The log's records, optionally of one event. An invalid line is an error.
  func records(_ event: String? = nil) throws -> [JSONValue] {
    let text = try String(contentsOfFile: "\(path)/log.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { event == nil || $0["event"]?.string == event }
  }

  /// The values of a field in the step records.
  func steps(_ field: String = "step") throws -> [Double] {
    try records("step").map { try #require($0[field]?.number, "a step record has no number \(field)") }
  }

  /// The steps that each start of the run resumed from.
  func starts() throws -> [Int] { try records("run").compactMap { $0["resumed_from_step"]?.integer } }

  /// The last step in the log, which may still be written.
  var lastStep: Int {
    let text = (try? String(contentsOfFile: "\(path)/log.jsonl", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n").reversed() {
      if let record = try? JSONValue(parsing: String(line)), record["event"]?.string == "step" {
        return record["step"]?.integer ?? 0
      }
    }
    return 0
  }

  /// The records that are equal in equal runs: steps, skipped steps and validation, without times.
  func comparableRecords() throws -> [JSONValue] {
    try records().filter { ["step", "skipped", "validation"].contains($0["event"]?.string) }.map { record in
      var fields = try #require(record.object)
      fields["seconds"] = nil
      fields["tokens_per_second"] = nil
      return .object(fields)
    }
  }

  // MARK: checkpoints

  /// The bit patterns of a checkpoint's weights and moments, by their path in the file.
  func bits(_ step: Int) throws -> [String: [UInt32]] {
    try RunFiles.tensors(checkpoint(step)).mapValues { $0.map(\.bitPattern) }
  }

  /// All tensors of a file's `/model` and, if it exists, `/optimizer`.
  static func tensors(_ path: String) throws -> [String: [Float]] {
    let file = try HDF5File.open(path)
    var tensors: [String: [Float]] = [:]
    for group in ["model", "optimizer/exp_avg", "optimizer/exp_avg_sq"] where try file.exists(group) {
      for child in try file.children(of: group) {
        tensors["\(group)/\(child.name)"] = try file.dataset("\(group)/\(child.name)").array(of: Float.self)
      }
    }
    return tensors
  }
}

/// Checks that two runs are equal, bit for bit: their records of steps and validation except times, and the weights and
/// moments in the checkpoint of `step`.
func expectSame(
  _ one: RunFiles, _ other: RunFiles, at step: Int, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let (mine, theirs) = (try one.comparableRecords(), try other.comparableRecords())
  #expect(
    mine.contains { ["step", "skipped"].contains($0["event"]) && $0["step"] == .integer(step) },
    "\(one.path) has no record of step \(step)",
    sourceLocation: sourceLocation)
  #expect(mine.count == theirs.count, sourceLocation: sourceLocation)
  if let (mine, theirs) = zip(mine, theirs).first(where: { $0 != $1 }) {
    Issue.record("\(mine.compact) and \(theirs.compact)", sourceLocation: sourceLocation)
  }
  let (bits, otherBits) = (try one.bits(step), try other.bits(step))
  #expect(bits.count > 60 && bits.keys == otherBits.keys, sourceLocation: sourceLocation)
  for (name, values) in bits where values != otherBits[name] {
    Issue.record("\(name) differs at step \(step)", sourceLocation: sourceLocation)
  }
}
