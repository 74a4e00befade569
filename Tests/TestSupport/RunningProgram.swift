import Foundation

/// A running program, with its ranks if it is `mpirun`.
///
/// Its output goes to files, so that it never waits for a reader. The program and its ranks are killed when this object is
/// destroyed.
public final class RunningProgram {
  private let process = Process()
  private let files: TemporaryFolder
  private let outputFile: URL
  private let errorFile: URL

  init(command: [String], environment: [String: String], directory: String?) throws {
    files = try TemporaryFolder()
    outputFile = files.url.appendingPathComponent("output")
    errorFile = files.url.appendingPathComponent("error")
    for file in [outputFile, errorFile] { try Data().write(to: file) }

    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.environment = environment
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    // The threads of the test runner block signals. A program would inherit this, and mpirun would receive none.
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    do {
      try process.run()
    } catch {
      throw LaunchError(description: "\(command.joined(separator: " ")) does not start: \(error)")
    }
  }

  deinit { kill() }

  /// The started process: `mpirun`, or the program itself.
  public var processIdentifier: Int32 { process.processIdentifier }

  public var isRunning: Bool { process.isRunning }

  /// Standard output so far.
  public var output: String { text(of: outputFile) }

  /// Standard error so far.
  public var error: String { text(of: errorFile) }

  /// The running process of each rank of `mpirun`, by rank. Empty without `mpirun`.
  public var ranks: [Int: Int32] {
    var ranks: [Int: Int32] = [:]
    for child in children(of: processIdentifier) {
      guard let environment = FileManager.default.contents(atPath: "/proc/\(child)/environ") else { continue }
      for entry in environment.split(separator: 0) {
        let name = Array("OMPI_COMM_WORLD_RANK=".utf8)
        guard entry.starts(with: name) else { continue }
        ranks[Int(String(decoding: entry.dropFirst(name.count), as: UTF8.self)) ?? -1] = child
      }
    }
    return ranks
  }

  /// The processor time of the started process.
  public var processorSeconds: Double {
    let ticks = statusFields(of: processIdentifier)?.dropFirst(11).prefix(2).compactMap { Double($0) } ?? []
    return ticks.reduce(0, +) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Sends a signal to the started process. `mpirun` forwards SIGUSR1 and SIGUSR2 to its ranks.
  public func signal(_ number: Int32) {
    guard isRunning else { return }
    Foundation.kill(processIdentifier, number)
  }

  /// Sends a signal to one rank of `mpirun`.
  ///
  /// - Throws: `LaunchError` if there is no such rank.
  public func signal(_ number: Int32, rank: Int) throws {
    guard let rank = ranks[rank] else { throw LaunchError(description: "there is no rank \(rank)") }
    Foundation.kill(rank, number)
  }

  /// Waits until `condition` holds, checking every 10 ms.
  ///
  /// - Returns: whether it holds; false if the program ended or `timeout` seconds passed before.
  public func wait(timeout: Double = 60, until condition: (RunningProgram) -> Bool) -> Bool {
    var patience = Patience(seconds: timeout)
    while !condition(self) {
      guard isRunning, patience.sleep(milliseconds: 10) else { return condition(self) }
    }
    return true
  }

  /// Waits for the end of the program.
  ///
  /// - Throws: `LaunchError`, with the output so far, if it does not end within `timeout` seconds. It is then killed.
  public func wait(timeout: Double = 60) throws -> Outcome {
    var patience = Patience(seconds: timeout)
    while isRunning {
      guard patience.sleep(milliseconds: 5) else {
        kill()
        throw LaunchError(
          description: """
            \((process.arguments ?? []).joined(separator: " ")) did not end in \(timeout) s
            output: \(output.suffix(2000))
            error: \(error.suffix(2000))
            """)
      }
    }
    let status = process.terminationStatus
    return Outcome(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status, output: output, error: error)
  }

  /// Kills the program and its ranks, and waits for the program's end.
  public func kill() {
    guard isRunning else { return }
    let all = children(of: processIdentifier) + [processIdentifier]
    for identifier in all { Foundation.kill(identifier, SIGKILL) }
    while isRunning { usleep(5000) }
  }

  private func text(of file: URL) -> String {
    String(decoding: FileManager.default.contents(atPath: file.path) ?? Data(), as: UTF8.self)
  }
}

/// A limit for waiting.
///
/// A sleep counts as at most four times its length, so that time during which the whole machine was suspended is not
/// counted.
public struct Patience {
  private var left: Double

  public init(seconds: Double) { left = seconds }

  /// - Returns: false, without sleeping, if the limit is reached.
  public mutating func sleep(milliseconds: UInt32) -> Bool {
    guard left > 0 else { return false }
    let start = ContinuousClock.now
    usleep(milliseconds * 1000)
    left -= min((ContinuousClock.now - start) / .milliseconds(1), 4 * Double(milliseconds)) / 1000
    return true
  }
}

/// Whether a process exists and is not a zombie.
public func isAlive(_ process: Int32) -> Bool {
  guard let fields = statusFields(of: process) else { return false }
  return fields.first != "Z" && fields.first != "X"
}

/// The processes whose parent is `parent`.
private func children(of parent: Int32) -> [Int32] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  return names.compactMap { Int32($0) }.filter { statusFields(of: $0)?.dropFirst().first == String(parent) }
}

/// The fields of `/proc/PID/stat` after the name: state, parent, …
private func statusFields(of process: Int32) -> [String]? {
  guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
  // The name is in parentheses and may contain spaces and parentheses.
  let text = String(decoding: data, as: UTF8.self)
  guard let end = text.lastIndex(of: ")") else { return nil }
  return text[text.index(after: end)...].split(separator: " ").map(String.init)
}
