import ArgumentParser
import Display
import Foundation
import JSON
import Reports
import Training

/// `phd log`: shows, compares, plots and exports the logs of runs.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Show, compare, plot and export the logs of runs.",
    subcommands: [Show.self, Compare.self, Plot.self, Export.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Summarize runs: losses, speed, restarts, and a chart of the loss.",
      discussion: "The chart's shades show the density of the losses; its line is their moving average.")

    @Argument(help: ArgumentHelp("Runs' folders, or their log.jsonl.", valueName: "run"))
    var paths: [String]

    @OptionGroup var options: PlotOptions

    @Flag(help: "Update the report when the log grows, until the run ends or Ctrl-C.")
    var follow = false

    @Flag(help: "Print JSON: an object; for several runs, a list.")
    var json = false

    func validate() throws {
      if follow && json { throw ValidationError("--follow and --json exclude each other: remove one") }
      if follow && paths.count > 1 { throw ValidationError("--follow accepts one run, not \(paths.count)") }
    }

    func run() throws {
      if follow { return try followed() }
      let runs = try paths.map { try RunLog(path: $0) }
      if json {
        let summaries = runs.map { LogSummary($0).json }
        print(summaries.count == 1 ? summaries[0].compact : JSONValue.array(summaries).compact)
        return
      }
      print(try runs.map { try lines($0, rows: 14).joined(separator: "\n") }.joined(separator: "\n\n"))
    }

    private func followed() throws {
      var records = try LogRecords(path: paths[0])
      while true {
        let run = RunLog(records)
        if Terminal(STDOUT_FILENO) != nil {
          // Overwrites the terminal's contents.
          let lines = try lines(run, rows: nil).map { $0 + "\u{1B}[K\n" }
          print("\u{1B}[H" + lines.joined() + "\u{1B}[J", terminator: "")
          fflush(nil)
        } else {
          print(try lines(run, rows: 14).joined(separator: "\n") + "\n")
          fflush(nil)
        }
        if run.end != nil { return }
        repeat { usleep(500_000) } while try !records.readNew()
      }
    }

    /// The summary and the chart.
    ///
    /// - Parameter rows: the chart's height; nil for the rest of the terminal.
    private func lines(_ run: RunLog, rows: Int?) throws -> [String] {
      let terminal = Terminal(STDOUT_FILENO)
      let (columns, height) = terminal?.size ?? (Terminal.columnsElsewhere, 24)
      var summary = LogSummary(run).text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      // A wrapped line would scroll a screen that is overwritten.
      if rows == nil { summary = summary.map { String($0.prefix(columns - 1)) } }
      guard run.steps.count > 1 else { return summary }
      let chart = try options.plot([run]).chart(.loss)
      let left = rows ?? max(6, height - summary.count - 7)
      return summary + [""] + chart.text(columns: columns - 1, rows: left, isColoured: terminal?.hasColours ?? false)
    }
  }
}
