import Foundation
import TestSupport
import Testing

/// The live display of a run, on a terminal created by `script`.
@Suite struct ConsoleTests {
  private static let script = "/usr/bin/script"

  private func run(
    _ workspace: TestWorkspace, columns: Int, _ program: String, environment: [String: String] = [:]
  ) throws -> Outcome {
    try launch(
      Self.script, ["-qec", "stty cols \(columns); \(buildDirectory)/\(program)", "/dev/null"],
      environment: ["TERM": "xterm-256color", "NO_COLOR": "", "SHELL": "/bin/sh"].merging(environment) { $1 },
      directory: workspace.path)
  }

  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: script), "there is no \(script)"), arguments: [80, 200])
  func `a terminal shows the last step below the permanent lines`(columns: Int) throws {
    let workspace = try TestWorkspace()
    let outcome = try run(workspace, columns: columns, "phd-train config.json --stop-after 9")
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(outcome.output.contains("\u{1B}[38;5;"))
    var screen = Screen(width: columns)
    screen.write(outcome.output)
    let lines = screen.lines.filter { !$0.isEmpty }
    let live = lines.filter { $0.contains("norm ") || $0.hasPrefix("step 9/20") || $0.contains("tokens/s") }
    // Slow steps make the remaining time long.
    #expect(live.count <= (columns == 80 ? 4 : 2) && live.allSatisfy { $0.count < columns }, "\(live)")
    #expect(lines.count { $0.hasPrefix("step 9/20") } == 1)
    #expect(!lines.contains { $0.hasPrefix("step 8/20") })
    #expect(live == Array(lines.suffix(live.count)), "\(lines)")
    for part in ["45 %", "loss ", "norm ", "lr ", "tokens/s", "% of peak", "648 tokens", "data ", " left"] {
      #expect(live.joined(separator: "  ").contains(part), "\(part)")
    }
    #expect(lines.count { $0.hasPrefix("checkpoint ") } == 2)
    #expect(lines.count { $0.contains("validation short  loss") } == 2)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: script), "there is no \(script)"))
  func `NO_COLOR disables colours`() throws {
    let workspace = try TestWorkspace()
    let outcome = try run(
      workspace, columns: 80, "phd-train config.json --stop-after 4", environment: ["NO_COLOR": "1"])
    #expect(outcome.status == 0 && outcome.output.contains("\u{1B}[J"))
    #expect(!outcome.output.contains(/\u{1B}\[[0-9;]*m/))
  }
}
