import Foundation

/// The system refused a resource: a thread, an open file, memory. The program exits with status 74.
public struct ResourceError: Error, Equatable, CustomStringConvertible, Sendable {
  /// What was refused, the system's reason, the current limits, and what to do, in one line.
  public let description: String

  public init(_ description: String) { self.description = description }
}

extension ResourceError {
  /// The error for a thread that could not be started.
  ///
  /// - Parameters:
  ///   - name: what the thread is for.
  ///   - number: the error number of `pthread_create`.
  static func thread(_ name: String, errno number: Int32) -> ResourceError {
    var limits: [String] = []
    if let processes = ResourceLimit.processes.soft { limits.append("ulimit -u is \(processes)") }
    if let memory = ResourceLimit.addressSpace.soft { limits.append("ulimit -v is \(memory >> 10)") }
    if let threads = ControlGroup.all(of: "pids").compactMap(\.threadLimit).min() {
      limits.append("pids.max of the container is \(threads)")
    }
    let known = limits.isEmpty ? "" : " (\(limits.joined(separator: ", ")))"
    return ResourceError(
      "cannot start a thread (\(name)): \(text(of: number))\(known); raise the limit, or use fewer threads or ranks "
        + "on this host")
  }

  /// The system's message for an error number.
  static func text(of number: Int32) -> String { String(cString: strerror(number)) }
}

extension ResourceError: StatusCarrying {
  public var exitStatus: ExitStatus { .inputOutput }
}
