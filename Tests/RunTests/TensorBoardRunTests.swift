import Foundation
import JSON
import TestSupport
import Testing

/// `log.tensorboard`: event files in addition to the loss log.
@Suite struct TensorBoardRunTests {
  private func files(_ workspace: TestWorkspace) -> [String] {
    workspace.run().files.filter { $0.hasPrefix("events.out.tfevents.") }
  }

  @Test(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
  func `TensorBoard shows each step of a resumed run once, with the log's numbers`() throws {
    let workspace = try TestWorkspace()
    let live = ["--set", "log.tensorboard=true"]
    #expect(try workspace.train(live + ["--stop-after", "9"]).status == 0)
    // Resume at step 5: steps 6 to 9 are repeated and written to a second file.
    try FileManager.default.removeItem(atPath: workspace.run().checkpoint(9))
    #expect(try workspace.train(live + ["--stop-after", "12"]).status == 0)
    #expect(files(workspace).count == 2)
    let found = try JSONValue(parsing: try Peers.run("event_files.py", [workspace.run().path]))
    for field in ["loss", "z_loss", "gradient_norm", "learning_rate", "tokens", "seconds", "tokens_per_second"] {
      let series = try #require(found["training/\(field)"], "\(field)")
      #expect(series["steps"]?.array?.map(\.integer) == Array(1...12), "\(field)")
      #expect(
        series["values"]?.array?.map { Float($0.number ?? .nan) }
          == (try workspace.run().steps(field).map { Float($0) }))
    }
    #expect(found["validation/short"]?["steps"] == [4, 8, 12])
  }

  @Test func `overwriting a run removes its event files`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--set", "log.tensorboard=true", "--stop-after", "2"]).status == 0)
    #expect(files(workspace).count == 1)
    #expect(try workspace.train(["--overwrite", "--stop-after", "2"]).status == 0)
    #expect(files(workspace).isEmpty)
  }
}
