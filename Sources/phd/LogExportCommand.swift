import ArgumentParser
import JSON
import Reports
import RunFiles
import Storage
import Training

extension LogCommand {
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a run's log for other programs: TensorBoard's event files, or a table.")

    @Argument(help: ArgumentHelp("A run's folder, or its log.jsonl.", valueName: "run"))
    var path: String

    @Option(
      help: ArgumentHelp(
        "Write an event file into this folder, which TensorBoard shows as one run.", valueName: "folder"))
    var tensorboard: String?

    @Option(help: ArgumentHelp("Write a table of comma-separated values.", valueName: "file"))
    var csv: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if tensorboard == nil && csv == nil { throw ValidationError("give --tensorboard FOLDER, --csv FILE, or both") }
    }

    func run() throws {
      // A run's folder has event files of its own, which an export would take the place of.
      if let tensorboard, try RunFolder(tensorboard).isInUse() {
        throw ValidationError("--tensorboard \(tensorboard): this is a run's folder: name another")
      }
      let run = try RunLog(path: path)
      for fault in run.faults { ErrorReport.print(toStandardError: "phd: warning: \(run.path): \(fault)") }
      var report: JSONValue.Object = .init()
      if let tensorboard {
        let (path, scalars) = try LogExport.tensorBoard(run, to: tensorboard)
        report["tensorboard"] = ["path": .string(path), "scalars": .integer(scalars)]
        if !json { print("\(path): \(scalars) scalars; to look at them: tensorboard --logdir \(tensorboard)") }
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
