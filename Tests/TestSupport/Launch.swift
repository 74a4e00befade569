import Foundation

/// The result of a program.
public struct Outcome: Sendable {
  /// The exit status; 128 + n if signal n killed it, as in a shell.
  public let status: Int32
  /// Its standard output.
  public let output: String
  /// Its standard error.
  public let error: String
}

/// A program that could not be started, or did not end in time.
public struct LaunchError: Error, CustomStringConvertible {
  public let description: String

  public init(description: String) { self.description = description }
}

/// The folder of the built programs: `PHD_BUILD_DIRECTORY`, or the folder of the test runner.
public let buildDirectory: String = {
  if let directory = ProcessInfo.processInfo.environment["PHD_BUILD_DIRECTORY"], !directory.isEmpty {
    return directory
  }
  let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  return URL(fileURLWithPath: runner).deletingLastPathComponent().path
}()

/// Runs a program and waits for its end. If `ranks` is given, runs it under `mpirun`.
///
/// - Parameters:
///   - program: the name of a built program (`phd-train`), or a path.
///   - environment: variables to add to the caller's, from which `OPENBLAS_…` is removed. An empty value removes a
///     variable.
///   - directory: the working directory; the caller's if nil.
///   - timeout: in seconds; the program is then killed.
/// - Throws: `LaunchError` if it does not start or does not end in time.
public func launch(
  _ program: String, _ arguments: [String] = [], ranks: Int? = nil, environment: [String: String] = [:],
  directory: String? = nil, timeout: Double = 60
) throws -> Outcome {
  try start(program, arguments, ranks: ranks, environment: environment, directory: directory).wait(timeout: timeout)
}

/// Starts a program without waiting for its end. The parameters are those of `launch`.
///
/// - Throws: `LaunchError` if it does not start.
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
