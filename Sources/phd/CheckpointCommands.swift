import ArgumentParser
import Display
import Foundation
import JSON
import RunFiles
import Training

/// `phd checkpoint`: inspects, verifies, imports and exports checkpoints.
struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Inspect, verify, import and export checkpoints.",
    subcommands: [Inspect.self, Verify.self, Import.self, Export.self])

  /// Reads a checkpoint and shows the progress.
  static func report(_ path: String) throws -> CheckpointReport {
    var line = ProgressLine(.megabytes)
    defer { line.clear() }
    return try CheckpointReport(path) { line.show(done: $0, of: $1) }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Describe a checkpoint's model and run.")

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"), completion: .file())
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let report = try CheckpointCommand.report(path)
      print(json ? report.json.compact : report.text)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check every byte of a checkpoint.",
      discussion: "Exits with status 65 if a byte has changed, a tensor is missing, or a number is not finite.")

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"), completion: .file())
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let report = try CheckpointCommand.report(path)
      try report.verifyNumbers()
      if json {
        print((["valid": true, "sealed": .bool(report.isSealed)] as JSONValue).compact)
      } else {
        print("\(path): valid\(report.isSealed ? "" : ", but without a seal: changed bytes are not detected")")
      }
    }
  }
}
