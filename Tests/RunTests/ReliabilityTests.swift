import Foundation
import TestSupport
import Testing

/// The shortest form of each campaign in Benchmarks/reliability.
@Suite struct ReliabilityTests {
  @Test(arguments: [
    ["kills.py", "--kills", "4"], ["mutated-checkpoints.py", "--mutations", "30"],
    ["mutated-inputs.py", "--mutations", "12"],
  ]) func `the campaign passes`(command: [String]) throws {
    try expectNothingFailed(command)
  }

  @Test(.enabled(if: Campaign.slurm.reason == nil, "\(Campaign.slurm.reason ?? "")"))
  func `a Slurm job that is signalled, requeued and loses a rank gives the same results`() throws {
    try expectNothingFailed(["slurm.py", "--quick"])
  }

  @Test(.enabled(if: Campaign.hosts.reason == nil, "\(Campaign.hosts.reason ?? "")"))
  func `a run on three hosts that loses one and resumes on two gives the same results`() throws {
    try expectNothingFailed(["hosts.py", "--quick"])
  }

  private func expectNothingFailed(_ command: [String]) throws {
    let outcome = try Campaign.run(command, timeout: 240)
    #expect(outcome.status == 0, "\(outcome.output.suffix(3000)) \(outcome.error.suffix(2000))")
    #expect(outcome.output.hasSuffix("nothing failed\n"), "\(outcome.output.suffix(1000))")
  }
}

/// A campaign with special requirements.
private struct Campaign {
  /// Why this machine cannot run it; nil if it can.
  let reason: String?

  static let slurm = Campaign("slurm.py")
  static let hosts = Campaign("hosts.py")

  private init(_ script: String) {
    do {
      let outcome = try Campaign.run([script, "--check"])
      reason = outcome.status == 0 ? nil : outcome.error.trimmingCharacters(in: .whitespacesAndNewlines)
    } catch {
      reason = "\(script): \(error)"
    }
  }

  static func run(_ command: [String], timeout: Double = 60) throws -> Outcome {
    let script = fixtures.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Benchmarks/reliability/\(command[0])").path
    return try launch(
      script, Array(command.dropFirst()),
      environment: ["PHD_BUILD_DIRECTORY": buildDirectory, "PYTHONDONTWRITEBYTECODE": "1"], timeout: timeout)
  }
}
