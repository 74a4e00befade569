import Foundation
import TestSupport
import Testing

/// The scripts of launch/, with `mpi-checks` in the trainer's place.
@Suite(.serialized) struct LaunchScriptTests {
  /// The checkout.
  private let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test func `local runs as many ranks as asked for`() throws {
    let outcome = try launch(script("local.sh"), ["3", "time", "1000"], environment: program)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("ranks 3"))
  }

  @Test func `local passes the program's status on, and no more than its message`() throws {
    let outcome = try launch(script("local.sh"), ["1", "unheard-of"], environment: program)
    #expect(outcome.status == 64)
    #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
  }

  @Test(arguments: [[], ["2"], ["0", "x"], ["two", "x"]]) func `wrong usage is 64`(arguments: [String]) throws {
    #expect(try launch(script("local.sh"), arguments).status == 64)
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGUSR2]) func `a signal to local saves and stops`(number: Int32) throws {
    let running = try readyProgram()
    running.signal(SIGUSR1)
    #expect(running.wait { $0.output.contains("signal \(SIGUSR1) on rank 1") })
    running.signal(number)
    let outcome = try running.wait(timeout: 10)
    #expect(outcome.status == 75)
    for rank in 0..<2 { #expect(outcome.output.contains("signal \(SIGUSR2) on rank \(rank)")) }
    #expect(!outcome.output.contains("signal \(SIGTERM) on"))
  }

  @Test func `a second signal kills`() throws {
    let running = try readyProgram("ignore-signals")
    running.signal(SIGTERM)
    #expect(running.wait { $0.output.components(separatedBy: "signal \(SIGUSR2)").count == 3 })
    running.signal(SIGTERM)
    let outcome = try running.wait(timeout: 10)
    #expect(outcome.status != 0 && outcome.status != 75)
  }

  private func script(_ name: String) -> String { root.appendingPathComponent("launch/\(name)").path }

  private var program: [String: String] { ["PHD_TRAIN": "\(buildDirectory)/mpi-checks"] }

  private func readyProgram(_ mode: String = "wait-for-signal") throws -> RunningProgram {
    let running = try start(script("local.sh"), ["2", mode], environment: program)
    try #require(
      running.wait { $0.output.components(separatedBy: "ready").count == 3 }, "\(running.output) \(running.error)")
    return running
  }
}
