import ArgumentParser
import Foundation
import Training

/// `phd log`: what a run has written of itself.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Look at a run's loss log.", subcommands: [Show.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Summarise a run: its losses, its speed, its restarts.")

    @Argument(help: ArgumentHelp("A run's folder, or its log.jsonl.", valueName: "run"))
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let summary = try LogSummary(path: path)
      print(json ? summary.json.compact : summary.text)
    }
  }
}
