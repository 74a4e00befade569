import ArgumentParser
import Foundation
import JSON
import Training

/// `phd checkpoint`: what is in a checkpoint, and whether it is whole.
struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Look at checkpoints; take models from others, and give them theirs.",
    subcommands: [Inspect.self, Verify.self, Import.self, Export.self])

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what a checkpoint is.")

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"))
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let report = try CheckpointReport(path)
      print(json ? report.json.compact : report.text)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read every byte of a checkpoint and check it.",
      discussion: "Exits with 65 where a byte has changed, a tensor is missing, or a number is not finite.")

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"))
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let report = try CheckpointReport(path)
      try report.verifyNumbers()
      if json {
        print((["valid": true, "sealed": .bool(report.isSealed)] as JSONValue).compact)
      } else {
        print("\(path): valid\(report.isSealed ? "" : ", but without a seal: changed bytes would not be noticed")")
      }
    }
  }
}
