import ArgumentParser
import Display
import Foundation
import JSON
import Reports
import Training

/// `phd log`: what a run has written of itself.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Look at runs' loss logs.",
    subcommands: [Show.self, Compare.self, Plot.self, Export.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Summarise runs: their losses, their speed, their restarts, and a chart of the losses.",
      discussion: "The shades say where the losses are, the line is their mean over some records.")

    @Argument(help: ArgumentHelp("Runs' folders, or their log.jsonl.", valueName: "run"))
    var paths: [String]

    @OptionGroup var options: PlotOptions

    @Flag(help: "Show the run anew when its log grows, until the log has an end or Ctrl-C.")
    var follow = false

    @Flag(help: "Print JSON: an object, of several runs a list.")
    var json = false

    func validate() throws {
      if follow && json { throw ValidationError("--follow shows, --json prints once: give one of them") }
      if follow && paths.count > 1 { throw ValidationError("--follow takes one run, not \(paths.count)") }
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
          // In place of all that the terminal shows.
          let lines = try lines(run, rows: nil).map { $0 + "\u{1B}[K\n" }
          print("\u{1B}[H" + lines.joined() + "\u{1B}[J", terminator: "")
          fflush(nil)
        } else {
          print(try lines(run, rows: 14).joined(separator: "\n") + "\n")
          fflush(nil)
        }
        if run.end != nil { return }
        repeat { usleep(500_000) } while try !records.readOn()
      }
    }

    /// The summary and the chart.
    ///
    /// - Parameter rows: of the chart; nil for what the terminal has left.
    private func lines(_ run: RunLog, rows: Int?) throws -> [String] {
      let terminal = Terminal(STDOUT_FILENO)
      let (columns, height) = terminal?.size ?? (Terminal.columnsElsewhere, 24)
      var summary = LogSummary(run).text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      // A line that wrapped would push others off a screen that is written over.
      if rows == nil { summary = summary.map { String($0.prefix(columns - 1)) } }
      guard run.steps.count > 1 else { return summary }
      let chart = try options.plot([run]).chart(.loss)
      let left = rows ?? max(6, height - summary.count - 7)
      return summary + [""] + chart.text(columns: columns - 1, rows: left, isColoured: terminal?.hasColours ?? false)
    }
  }
}
