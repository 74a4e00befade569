import Foundation

/// How a program ended.
public struct Outcome: Sendable {
  /// The exit status; 128 + n where signal n killed it, as a shell has it.
  public let status: Int32
  /// Everything it wrote to standard output.
  public let output: String
  /// Everything it wrote to standard error.
  public let error: String
}

/// A program that could not be run to its end.
public struct LaunchError: Error, CustomStringConvertible {
  public let description: String

  public init(description: String) { self.description = description }
}

/// The folder of the built programs: that of the test runner, or `PHD_BUILD_DIRECTORY`.
public let buildDirectory: String = {
  if let directory = ProcessInfo.processInfo.environment["PHD_BUILD_DIRECTORY"], !directory.isEmpty {
    return directory
  }
  let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  return URL(fileURLWithPath: runner).deletingLastPathComponent().path
}()

/// Runs a program to its end, under `mpirun` where `ranks` is given.
///
/// - Parameters:
///   - program: The name of a built program (`phd-train`), or a path.
///   - environment: Added to the caller's, less every `OPENBLAS_…`. An empty value unsets.
///   - directory: The working directory; the caller's if nil.
///   - timeout: Seconds; then it is killed.
/// - Throws: `LaunchError` where it does not start, or does not end in time.
public func launch(
  _ program: String, _ arguments: [String] = [], ranks: Int? = nil, environment: [String: String] = [:],
  directory: String? = nil, timeout: Double = 60
) throws -> Outcome {
  try start(program, arguments, ranks: ranks, environment: environment, directory: directory).wait(timeout: timeout)
}

/// Starts a program and returns at once. Parameters as of `launch`.
///
/// - Throws: `LaunchError` where it does not start.
public func start(
  _ program: String, _ arguments: [String] = [], ranks: Int? = nil, environment: [String: String] = [:],
  directory: String? = nil
) throws -> RunningProgram {
  let path = program.contains("/") ? program : "\(buildDirectory)/\(program)"
  guard FileManager.default.isExecutableFile(atPath: path) else {
    throw LaunchError(description: "there is no program \(path); build it, or set PHD_BUILD_DIRECTORY")
  }
  var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("OPENBLAS_") }
  var command = [path] + arguments
  if let ranks {
    command = ["mpirun", "--quiet", "-n", String(ranks), "--bind-to", "none"] + command
    all["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
    all["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    all["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
  }
  for (name, value) in environment { all[name] = value.isEmpty ? nil : value }
  return try RunningProgram(command: command, environment: all, directory: directory)
}
