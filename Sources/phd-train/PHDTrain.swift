import ArgumentParser
import CommandLineOptions
import Communication
import Display
import Foundation
import Host
import Kernels
import Storage
import Training

/// `phd-train CONFIG.json`, as one process or under `mpirun`.
@main
struct PHDTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phd-train",
    abstract: "Train a PHD-Transformer.",
    discussion: """
      Run the same command again to resume. With Open MPI: mpirun -n 8 phd-train configs/phd-cswa.json

      Exit status: 0 done, 64 wrong usage or configuration, 65 invalid corpus or checkpoint, 66 missing file, \
      69 a rank does not respond, 70 numbers are not finite, 74 reading or writing failed or the system allows too \
      few threads or open files, 75 stopped by a signal or the time limit after saving.
      """,
    version: Version.current)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(help: ArgumentHelp("Save a checkpoint and stop after step N.", valueName: "n"))
  var stopAfter: Int?

  @Option(
    help: ArgumentHelp(
      "The checkpoint to resume from: auto for the newest, never, or a file.", valueName: "auto|never|file"))
  var resume = "auto"

  @Flag(help: "Start from step 0 and remove the run's old checkpoints and log.")
  var overwrite = false

  @Option(
    help: ArgumentHelp(
      "Initialize the weights from a checkpoint, or from a safetensors file or folder.", valueName: "file"),
    completion: .file())
  var initializeFrom: String?

  @Option(
    name: .customLong("allow"), parsing: .singleValue,
    help: ArgumentHelp(
      "With --initialize-from: allow a difference from the file's model: rope, the base of the rotary embedding.",
      valueName: "difference"))
  var allowances: [RunOptions.Allowance] = []

  @Flag(help: "Print the resolved configuration, the operations and the memory; do not train.")
  var dryRun = false

  @Flag(help: "With --dry-run: print JSON.")
  var json = false

  func validate() throws {
    if let stopAfter, stopAfter < 1 { throw ValidationError("--stop-after \(stopAfter): expected 1 or more") }
    if !allowances.isEmpty && initializeFrom == nil { throw ValidationError("--allow needs --initialize-from") }
    if json && !dryRun { throw ValidationError("--json needs --dry-run") }
  }

  var options: RunOptions {
    var options = RunOptions(configuration: arguments.config)
    options.overrides = arguments.overrides.values
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
      // Signals must be blocked before MPI starts its threads.
      signals = try SignalWatch()
      communicator = try Communicator.initialize()
    } catch {
      if Communicator.isToReport(error) { printError("\(error)") }
      Foundation.exit(ExitStatus.of(error).rawValue)
    }
    let status = run(communicator, signals)
    do {
      try communicator.finalize()
    } catch {
      printError("\(error)")
    }
    Foundation.exit(status)
  }

  /// Runs the command on every rank. Returns the exit status, which is the same on all ranks; only rank 0 prints.
  private static func run(_ communicator: Communicator, _ signals: SignalWatch) -> Int32 {
    let command: PHDTrain
    if let problem = ProgramArguments.problem {
      if communicator.isRoot { printError(problem) }
      return ExitStatus.usage.rawValue
    }
    do {
      command = try parse()
    } catch {
      let text = fullMessage(for: error)
      let code = exitCode(for: error)
      if communicator.isRoot {
        if code == .success { print(text) } else { printError(message(for: error), hint: "see: phd-train --help") }
      }
      return code == .success ? 0 : ExitStatus.usage.rawValue
    }
    do {
      return try command.train(communicator, signals).rawValue
    } catch let error as CommunicationError {
      // Communication has failed. The rank that detects this prints the error and ends the job.
      printError("\(error)")
      communicator.abort(status: error.exitStatus)
    } catch {
      if communicator.isRoot { printError("\(error)") }
      return ExitStatus.of(error).rawValue
    }
  }

  private func train(_ communicator: Communicator, _ signals: SignalWatch) throws -> ExitStatus {
    let configuration = try RunSetup.configuration(options, communicator)
    if dryRun {
      try communicator.rootOnly {
        for note in try InitialWeights.dryRun(options, configuration) { PHDTrain.printError("warning: \(note)") }
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

  private static func printError(_ text: String, hint: String? = nil) {
    StandardStream.error.write("phd-train: " + text + (hint.map { " (\($0))" } ?? "") + "\n")
  }
}

extension RunOptions.Allowance: ExpressibleByArgument {}
