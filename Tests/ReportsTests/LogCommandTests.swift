import Foundation
import JSON
import TestSupport
import Testing

/// The command `phd log`.
@Suite struct LogCommandTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (name, steps) in [("one", 1...60), ("two", 1...40)] {
      var log = TestLog.run(steps)
      log.add(["event": "end", "step": .integer(steps.upperBound), "reason": "finished"])
      _ = try log.write(to: folder, name, configuration: ["name": .string(name), "seed": .integer(steps.upperBound)])
    }
  }

  private func phd(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try launch("phd", ["log"] + arguments, environment: environment, directory: folder.path)
  }

  private func expectError(_ outcome: Outcome, _ status: Int32, naming words: [String]) {
    #expect(outcome.status == status && outcome.output == "", "\(outcome.status) \(outcome.output)")
    #expect(outcome.error.split(separator: "\n").count <= 2, "\(outcome.error)")
    for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
  }

  @Test func `show prints summaries and charts, or only JSON`() throws {
    let text = try phd("show", "one", "two/log.jsonl", "--smooth", "5", environment: ["COLUMNS": "72"])
    #expect(text.status == 0 && text.error == "")
    #expect(text.output.contains("one: 60 steps") && text.output.contains("two: 40 steps"))
    #expect(text.output.contains("Training loss") && text.output.contains("└"))
    #expect(
      text.output.split(separator: "\n").filter { $0.contains("│") || $0.contains("┤") }.allSatisfy { $0.count <= 72 })
    #expect(try JSONValue(parsing: try phd("show", "one", "--json").output)["steps"] == 60)
    let both = try JSONValue(parsing: try phd("show", "one", "two", "--json").output)
    #expect(both.array?.map { $0["name"] } == ["one", "two"])
    expectError(try phd("show", "three"), 66, naming: ["three"])
    expectError(try phd("show", "one", "two", "--follow"), 64, naming: ["--follow"])
    expectError(try phd("show", "one", "--x", "miles"), 64, naming: ["miles", "flops"])
  }

  @Test func `show --follow shows new records and ends with the run`() throws {
    let path = folder.path + "/three/log.jsonl"
    let lines = TestLog.run(1...20).lines.map { $0 + "\n" }
    _ = try TestLog(lines: TestLog.run(1...10).lines).write(to: folder, "three")
    let program = try start("phd", ["log", "show", "three", "--follow"], directory: folder.path)
    #expect(program.wait { $0.output.contains("three: 10 steps") })
    try write(lines.joined().utf8, to: path)
    #expect(program.wait { $0.output.contains("three: 20 steps") })
    try write((lines + ["{\"event\":\"end\",\"step\":20,\"reason\":\"signal\"}\n"]).joined().utf8, to: path)
    let outcome = try program.wait()
    #expect(outcome.status == 0 && outcome.error == "" && outcome.output.contains("ended: signal"))
  }

  @Test func `compare compares runs with the first`() throws {
    let text = try phd("compare", "one", "two")
    #expect(text.status == 0 && text.output.contains("at the same tokens, 164k") && text.output.contains("seed"))
    let json = try JSONValue(parsing: try phd("compare", "one", "two", "--json").output)
    #expect(json["same"]?["time"]?["at"]?.number == 20)
    #expect(json["configuration"]?.array?.first?["values"] == [60, 40])
    expectError(try phd("compare", "one"), 64, naming: ["two or more runs"])
  }

  @Test func `plot writes the format of the file's name`() throws {
    for name in ["a.svg", "b.SVG", "c.html"] {
      let outcome = try phd("plot", "one", "two", "-o", name, "--y", "loss", "gradient-norm", "--x", "flops")
      #expect(outcome.status == 0 && outcome.error == "" && outcome.output == "", "\(outcome.error)")
      #expect(try bytes(of: folder.path + "/" + name).count > 4000)
    }
    expectError(try phd("plot", "one", "-o", "a.gif"), 64, naming: ["a.gif", ".png"])
    expectError(try phd("plot", "one", "-o", "a.svg", "--y", "volume"), 64, naming: ["volume", "gradient-norm"])
    expectError(try phd("plot", "one", "-o", "a.svg", "--y", "tasks"), 64, naming: ["tasks", "one"])
    expectError(try phd("plot", "one", "-o", "none/a.svg"), 74, naming: ["none/a.svg"])
    _ = try TestLog().write(to: folder, "empty")
    expectError(try phd("plot", "empty", "-o", "a.svg", "--y", "all"), 64, naming: ["nothing to plot", "empty"])
    let without = try phd("plot", "one", "-o", "a.png", environment: ["PATH": "/nowhere:\(folder.path)"])
    expectError(without, 66, naming: ["a.png", "librsvg2-bin"])
  }

  @Test func `plot writes complete PNG files with rsvg-convert`() throws {
    let program = folder.path + "/rsvg-convert"
    // A substitute for rsvg-convert that copies its input, and one that fails.
    try write("#!/bin/sh\ncat \"$7\" > \"$6\"\n".utf8, to: program)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
    let path = ["PATH": "\(folder.path):/usr/bin:/bin"]
    #expect(try phd("plot", "one", "-o", "a.png", environment: path).status == 0)
    #expect(String(decoding: try bytes(of: folder.path + "/a.png"), as: UTF8.self).hasPrefix("<svg"))
    try write("#!/bin/sh\necho no luck >&2\nexit 3\n".utf8, to: program)
    expectError(try phd("plot", "one", "-o", "b.png", environment: path), 74, naming: ["b.png", "no luck"])
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/b.png"))
  }

  @Test func `export writes tables and event files and prints their paths`() throws {
    let json = try JSONValue(
      parsing: try phd("export", "one", "--csv", "one.csv", "--tensorboard", "board/one", "--json").output)
    #expect(json["csv"]?["lines"] == 60 && json["tensorboard"]?["scalars"] == 480)
    let file = try #require(json["tensorboard"]?["path"]?.string)
    #expect(FileManager.default.fileExists(atPath: folder.path + "/" + file))
    expectError(try phd("export", "one"), 64, naming: ["--csv"])
    expectError(try phd("export", "one", "--tensorboard", "two"), 64, naming: ["--tensorboard two", "run's folder"])
    expectError(try phd("export", "one", "--csv", "none/one.csv"), 74, naming: ["none/one.csv"])
  }
}
