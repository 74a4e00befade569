import ArgumentParser
import Communication
import Display
import Foundation
import Host
import Kernels
import Storage
import Training

/// `phd-train CONFIG.json`, run plain or under `mpirun`.
@main
struct PHDTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phd-train",
    abstract: "Train a PHD-Transformer, from a corpus to checkpoints.",
    discussion: """
      Run it again to go on where it was. Under Open MPI: mpirun -n 8 phd-train configs/phd-cswa.json

      Exit status: 0 done, 64 wrong usage or configuration, 65 bad corpus or checkpoint, 66 a file is missing, \
      69 a rank no longer answered, 70 the numbers broke, 74 reading or writing failed or the system gave too few \
      threads or open files, 75 stopped by a signal or the time limit after saving.
      """,
    version: Version.current)

  @Argument(help: ArgumentHelp("The run's configuration (JSON).", valueName: "config"), completion: .file())
  var config: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override one key by its dotted path; VALUE is JSON or a bare string.", valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: ArgumentHelp("Stop, with a checkpoint, when step N is done.", valueName: "n"))
  var stopAfter: Int?

  @Option(help: ArgumentHelp("auto, never, or a checkpoint.", valueName: "auto|never|file"))
  var resume = "auto"

  @Flag(help: "Start anew: the run's old checkpoints and log are removed.")
  var overwrite = false

  @Option(
    help: ArgumentHelp("Take the first weights from a checkpoint, or a safetensors file or folder.", valueName: "file"),
    completion: .file())
  var initializeFrom: String?

  @Option(
    name: .customLong("allow"), parsing: .singleValue,
    help: ArgumentHelp(
      "With --initialize-from: what may differ from the file's model: rope, the base of the rotary embedding.",
      valueName: "difference"))
  var allowances: [RunOptions.Allowance] = []

  @Flag(help: "Print the resolved configuration and what the run takes; train nothing.")
  var dryRun = false

  @Flag(help: "With --dry-run: print JSON.")
  var json = false

  func validate() throws {
    if let stopAfter, stopAfter < 1 { throw ValidationError("--stop-after \(stopAfter): expected 1 or more") }
    if !allowances.isEmpty && initializeFrom == nil { throw ValidationError("--allow goes with --initialize-from") }
    if json && !dryRun { throw ValidationError("--json goes with --dry-run") }
  }

  var options: RunOptions {
    var options = RunOptions(configuration: config)
    options.overrides = overrides
    options.resume = resume == "auto" ? .auto : resume == "never" ? .never : .file(resume)
    options.stopAfter = stopAfter
    options.overwrite = overwrite
    options.initializeFrom = initializeFrom
    options.allowances = allowances
    options.dryRun = dryRun
    options.json = json
    return options
  }

  static func main() {
    let signals: SignalWatch
    let communicator: Communicator
    do {
      OpenFiles.raiseLimit()
      try RunSetup.requireProcessor()
      try Processor.loadLibrary()
      // Signals are watched before MPI starts threads of its own.
      signals = try SignalWatch()
      communicator = try Communicator.initialize()
    } catch {
      if Communicator.isToReport(error) { complain("\(error)") }
      Foundation.exit(ExitStatus.of(error).rawValue)
    }
    let status = run(communicator, signals)
    do {
      try communicator.finalize()
    } catch {
      complain("\(error)")
    }
    Foundation.exit(status)
  }

  /// What every rank does, and the status that all of them end with; rank 0 alone prints.
  private static func run(_ communicator: Communicator, _ signals: SignalWatch) -> Int32 {
    let command: PHDTrain
    if let problem = ProgramArguments.problem {
      if communicator.isRoot { complain(problem) }
      return ExitStatus.usage.rawValue
    }
    do {
      command = try parse()
    } catch {
      let text = fullMessage(for: error)
      let code = exitCode(for: error)
      if communicator.isRoot {
        if code == .success { print(text) } else { complain(message(for: error), hint: "see: phd-train --help") }
      }
      return code == .success ? 0 : ExitStatus.usage.rawValue
    }
    do {
      return try command.train(communicator, signals).rawValue
    } catch let error as CommunicationError {
      // The ranks can't agree any more: whoever notices says so and ends the job.
      complain("\(error)")
      communicator.abort(status: error.exitStatus)
    } catch {
      if communicator.isRoot { complain("\(error)") }
      return ExitStatus.of(error).rawValue
    }
  }

  private func train(_ communicator: Communicator, _ signals: SignalWatch) throws -> ExitStatus {
    let configuration = try RunSetup.configuration(options, communicator)
    if dryRun {
      try communicator.rootOnly {
        for note in try InitialWeights.dryRun(options, configuration) { PHDTrain.complain("warning: \(note)") }
        let threads = configuration.training.threads ?? max(1, Threads.available / communicator.size)
        let plan = RunPlan(
          configuration, ranks: communicator.size, threads: threads, samples: try RunPlan.samples(of: configuration))
        print(
          json ? plan.json(configuration).compact : configuration.resolved.pretty + "\n\n" + plan.text(configuration))
      }
      return .done
    }
    return try TrainingRun(configuration, options, communicator, signals).run()
  }

  private static func complain(_ text: String, hint: String? = nil) {
    StandardStream.error.write("phd-train: " + text + (hint.map { " (\($0))" } ?? "") + "\n")
  }
}

extension RunOptions.Allowance: ExpressibleByArgument {}
