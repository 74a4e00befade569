import Foundation
import JSON
import TestSupport
import Testing

@testable import RunFiles

@Suite struct LogReaderTests {
  /// A `step` record in a run's format.
  private static func record(_ step: Int, with random: inout SplitMix) -> JSONValue {
    [
      "event": "step", "step": .integer(step), "loss": .number(.random(in: 0...12, using: &random)),
      "z_loss": .number(.random(in: 0...1e-3, using: &random)),
      "gradient_norm": .number(pow(10, .random(in: -6...6, using: &random))),
      "learning_rate": .number(pow(10, .random(in: -9...0, using: &random))),
      "tokens": .integer(step * 4096), "epoch": .integer(step / 300),
      "seconds": .number(.random(in: 0...1, using: &random)),
      "tokens_per_second": .number(.random(in: 0...1e5, using: &random)),
    ]
  }

  @Test func `the fast parser reads step records exactly`() {
    var random = SplitMix(state: 3)
    var scanner = StepLineScanner()
    for step in 1...2000 {
      let json = LogReaderTests.record(step, with: &random)
      let line = Array(json.compact.utf8)
      guard let record = scanner.record(line, line.indices) else {
        Issue.record("\(json.compact) is left to the JSON parser")
        continue
      }
      #expect(record == StepRecord(json))
      #expect(StepMetric.allCases.allSatisfy { record[$0] == json[$0.name]?.number })
    }
  }

  @Test func `a line that the fast parser accepts has the same record in the JSON parser`() throws {
    var random = SplitMix(state: 4)
    var scanner = StepLineScanner()
    let base = LogReaderTests.record(17, with: &random).compact
    let replacements = [
      ("\"step\":17", "\"step\":017"), ("\"step\":17", "\"step\":17.0"), ("\"step\":17", "\"step\":-17"),
      ("\"step\":17", "\"step\":null"), ("\"step\":17", "\"step\":\"17\""), ("\"step\":17", "\"step\":17,\"step\":18"),
      ("\"step\":17,", ""), ("\"step\":17", "\"Step\":17"), ("\"step\":17", "\"st\\u0065p\":17"),
      ("\"loss\"", "\"other\":1,\"other\":2,\"loss\""), ("\"loss\"", "\"other\":1,\"loss\""),
      ("\"loss\"", "\"other\":[1],\"loss\""), ("\"loss\":", "\"loss\":1,\"loss\":"),
      ("\"loss\":", "\"loss\":nan,\"l\":"),
      ("\"loss\":", "\"loss\":\"nan\",\"l\":"), ("\"loss\":", "\"loss\":1.,\"l\":"),
      ("\"loss\":", "\"loss\":.5,\"l\":"),
      ("\"loss\":", "\"loss\":1e400,\"l\":"), ("\"loss\":", "\"loss\":1E+2,\"l\":"),
      ("\"loss\":", "\"loss\":-0,\"l\":"),
      ("\"loss\":", "\"loss\":123456789012345678901234567890,\"l\":"),
      ("\"loss\":", "\"loss\":9007199254740993,\"l\":"),
      ("\"loss\":", "\"loss\":0.000000000000000000000000000000123456789,\"l\":"), ("\"event\":\"step\",", ""),
      ("\"event\":\"step\"", "\"event\":\"stop\""), ("{\"event\":\"step\",", "{\"event\":\"step\",\"event\":\"step\","),
      ("{", " { "), ("}", " } "), ("}", ""), ("}", "}}"), ("}", ",}"), (":", " : "), (",", " ,\t"), ("{", "["),
      ("\"", "'"),
    ]
    var accepted = 0
    func check(_ line: [UInt8]) {
      let json = try? JSONValue(parsing: line)
      let slow = json.flatMap { $0["event"] == "step" ? StepRecord($0) : nil }
      guard let fast = scanner.record(line, line.indices) else { return }
      accepted += 1
      #expect(fast == slow, "\(String(decoding: line, as: UTF8.self))")
    }
    for (old, new) in replacements {
      let line = base.replacingOccurrences(of: old, with: new)
      #expect(line != base)
      check(Array(line.utf8))
    }
    #expect(accepted > 5)
    for _ in 0..<20_000 { check(damaged(Array(base.utf8), with: &random)) }
  }

  @Test func `lines may cross blocks, and an incomplete last line is reported`() throws {
    let folder = try TemporaryFolder()
    var random = SplitMix(state: 5)
    // More than two blocks, with a line longer than one.
    var lines = (1...9000).map { LogReaderTests.record($0, with: &random).compact }
    lines.insert(
      "{\"event\":\"warning\",\"step\":50,\"message\":\"\(String(repeating: "é", count: 700_000))\"}", at: 50)
    lines.insert("", at: 60)
    let path = folder.path + "/log.jsonl"
    try write((lines.joined(separator: "\n") + "\n{\"event\":\"step\",\"step\":9001").utf8, to: path)
    var reader = try LogReader(path)
    var (steps, others, end): ([Int], [String], Int) = ([], [], 0)
    try reader.forEachEntry { entry, place in
      switch entry {
      case .step(let record): steps.append(record.step)
      case .other(let event, _): others.append(event)
      case .unreadable: Issue.record("a line cannot be read")
      }
      #expect(place.lowerBound >= end)
      end = place.upperBound
    }
    #expect(steps == Array(1...9000) && others == ["warning"])
    #expect(reader.position == end + 1)
    if case .unreadable = reader.unfinished {} else { Issue.record("the incomplete last line is accepted") }
  }

  @Test func `a byte-order mark, CR LF and blank lines do not change a log`() throws {
    let folder = try TemporaryFolder()
    var random = SplitMix(state: 8)
    let path = folder.path + "/log.jsonl"
    let lines = [#"{"event":"run"}"#] + (1...6).map { LogReaderTests.record($0, with: &random).compact } + ["", " "]
    try write(("\u{feff}" + lines.map { $0 + "\r\n" }.joined()).utf8, to: path)
    var reader = try LogReader(path)
    var found: [String] = []
    try reader.forEachEntry { entry, _ in
      switch entry {
      case .step(let record): found.append("\(record.step)")
      case .other(let event, _): found.append(event)
      case .unreadable: found.append("unreadable")
      }
    }
    #expect(found == ["run", "1", "2", "3", "4", "5", "6"])
  }

  @Test func `continuing a log removes later steps and invalid lines and keeps the starts`() throws {
    let folder = try TemporaryFolder()
    var random = SplitMix(state: 6)
    let path = folder.path + "/log.jsonl"
    let steps = (1...6).map { LogReaderTests.record($0, with: &random).compact }
    let start = #"{"event":"run","resumed_from_step":0}"#
    let again = #"{"event":"run","resumed_from_step":4}"#
    let validation = #"{"event":"validation","step":4,"set":"books","loss":2}"#
    let lines = [start] + steps[..<4] + ["garbage", validation, again] + steps[4...]
    try write(lines.joined(separator: "\n").utf8, to: path)
    let log = try LossLog(path, continuingFrom: 4)
    try log.append("end", ["step": 4, "reason": "signal"])
    let kept = [start] + steps[..<4] + [validation, again] + [#"{"event":"end","step":4,"reason":"signal"}"#]
    #expect(String(decoding: try bytes(of: path), as: UTF8.self) == kept.joined(separator: "\n") + "\n")
    #expect(try LossLog.starts(path).map { $0["resumed_from_step"] } == [0, 4])

    // With nothing to remove, the file is not replaced. A complete last record may lack its newline.
    let file = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    _ = try LossLog(path, continuingFrom: 9)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == file)
    try write(([start] + steps[..<2]).joined(separator: "\n").utf8, to: path)
    _ = try LossLog(path, continuingFrom: 2)
    #expect(
      String(decoding: try bytes(of: path), as: UTF8.self) == ([start] + steps[..<2]).joined(separator: "\n") + "\n")
  }
}
