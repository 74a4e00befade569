import ArgumentParser
import JSON
import Reports
import RunFiles
import Storage
import Training

extension LogCommand {
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Export a run's log as TensorBoard event files or as CSV.")

    @Argument(help: ArgumentHelp("A run's folder, or its log.jsonl.", valueName: "run"))
    var path: String

    @Option(
      help: ArgumentHelp(
        "Write an event file to this folder, which is one run in TensorBoard.", valueName: "folder"))
    var tensorboard: String?

    @Option(help: ArgumentHelp("Write comma-separated values to this file.", valueName: "file"))
    var csv: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if tensorboard == nil && csv == nil {
        throw ValidationError("expected --tensorboard FOLDER, --csv FILE, or both")
      }
    }

    func run() throws {
      // The export would replace the run's own event files.
      if let tensorboard, try RunFolder(tensorboard).isInUse() {
        throw ValidationError("--tensorboard \(tensorboard): this is a run's folder: choose another")
      }
      let run = try RunLog(path: path)
      for problem in run.problems { ErrorReport.warn("\(run.path): \(problem)") }
      var report: JSONValue.Object = .init()
      if let tensorboard {
        let (path, scalars) = try LogExport.tensorBoard(run, to: tensorboard)
        report["tensorboard"] = ["path": .string(path), "scalars": .integer(scalars)]
        if !json { print("\(path): \(scalars) scalars; to view them: tensorboard --logdir \(tensorboard)") }
      }
      if let csv {
        let lines = try LogExport.csv(run, to: csv)
        report["csv"] = ["path": .string(csv), "lines": .integer(lines)]
        if !json { print("\(csv): \(lines) lines") }
      }
      if json { print(JSONValue.object(report).compact) }
    }
  }
}
