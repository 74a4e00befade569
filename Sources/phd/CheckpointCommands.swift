import ArgumentParser
import Display
import Foundation
import JSON
import RunFiles
import Training

/// `phd checkpoint`: what is in a checkpoint, and whether it is whole.
struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Look at checkpoints; take models from others, and give them theirs.",
    subcommands: [Inspect.self, Verify.self, Import.self, Export.self])

  /// Reads a checkpoint, and says how far it is with that.
  static func report(_ path: String) throws -> CheckpointReport {
    var line = ProgressLine(.megabytes)
    defer { line.clear() }
    return try CheckpointReport(path) { line.show(done: $0, of: $1) }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what a checkpoint is.")

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
      abstract: "Read every byte of a checkpoint and check it.",
      discussion: "Exits with 65 where a byte has changed, a tensor is missing, or a number is not finite.")

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
        print("\(path): valid\(report.isSealed ? "" : ", but without a seal: changed bytes would not be noticed")")
      }
    }
  }
}
