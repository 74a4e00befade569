import Foundation
import JSON
import RunFiles
import TestSupport
import Testing
import Training

@testable import Reports

@Suite struct LogExportTests {
  /// A run with a resume, validations, benchmarks and a skipped step.
  private static let run = Result { () throws -> RunLog in
    let folder = try TemporaryFolder()
    var log = TestLog.run(1...40)
    log.add(["event": "validation", "step": 40, "set": "books, \"old\"", "loss": 2.125])
    log.lines += TestLog.run(41...50).lines
    log.add(["event": "skipped", "step": 51, "reason": "spike", "loss": 9, "tokens": 1, "skipped": 1])
    log.add(["event": "task", "step": 51, "task": "piqa", "acc": 0.625, "items": 8])
    log.lines += TestLog.run(52...60).lines.dropFirst()
    return try RunLog(path: try log.write(to: folder, "run"))
  }

  @Test func `a table contains every record, and its numbers parse exactly`() throws {
    let run = try LogExportTests.run.get()
    let folder = try TemporaryFolder()
    let path = folder.path + "/run.csv"
    #expect(try LogExport.csv(run, to: path) == 60)
    let lines = String(decoding: try bytes(of: path), as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(
      lines[0] == "step," + StepMetric.allCases.map(\.name).joined(separator: ",")
        + #","validation/books, ""old""",task/piqa/acc,task/piqa/items,skipped"#)
    #expect(lines.count == 61)
    for record in run.steps {
      let cells = lines[record.step].split(separator: ",", omittingEmptySubsequences: false)
      #expect(cells[0] == "\(record.step)" && cells.count == 13)
      for field in StepMetric.allCases { #expect(Double(cells[1 + field.rawValue]) == record[field]) }
    }
    #expect(lines[40].hasSuffix(",2.125,,,") && lines[51] == "51,,,,,,,,,,0.625,8,spike")
  }

  @Test func `cells are quoted also with combining marks`() throws {
    let folder = try TemporaryFolder()
    var log = TestLog()
    for set in ["a\r\nb", "c,\u{301}d", "\"\u{301}e"] {
      log.add(["event": "validation", "step": 1, "set": .string(set), "loss": 1])
    }
    let path = folder.path + "/run.csv"
    _ = try LogExport.csv(try RunLog(path: try log.write(to: folder, "run")), to: path)
    let head = Array(try bytes(of: path)).split(separator: UInt8(ascii: "\n") as UInt8, maxSplits: 0)[0]
    for cell in ["\"validation/a\r\nb\"", "\"validation/c,\u{301}d\"", "\"validation/\"\"\u{301}e\""] {
      #expect(head.indices.contains { head[$0...].starts(with: cell.utf8) }, "\(cell)")
    }
  }

  @Test(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
  func `TensorBoard reads every scalar of an exported run`() throws {
    let run = try LogExportTests.run.get()
    let folder = try TemporaryFolder()
    // The second export replaces the first.
    for _ in 0..<2 { #expect(try LogExport.tensorBoard(run, to: folder.path).scalars == 59 * 8 + 4) }
    let found = try JSONValue(parsing: try Peers.run("event_files.py", [folder.path]))
    for field in StepMetric.allCases {
      let series = try #require(found["training/\(field.name)"], "\(field.name)")
      #expect(series["steps"]?.array?.map(\.integer) == run.steps.map(\.step))
      #expect(series["values"]?.array?.map { Float($0.number ?? .nan) } == run.steps.map { Float($0[field]) })
    }
    #expect(found["validation/books, \"old\""]?["values"] == [2.125] && found["training/skipped"]?["steps"] == [51])
    #expect(found["task/piqa/acc"]?["values"] == [0.625])
    let times = try #require(found["training/loss"]?["times"]?.array).compactMap(\.number)
    let start = try Date("2026-01-02T03:04:05Z", strategy: .iso8601).timeIntervalSince1970
    #expect(times.first == start + 0.5 && times[39] == start + 20 && times[40] == start + 0.5)
  }
}
