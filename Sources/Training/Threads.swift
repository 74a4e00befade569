import Communication
import Foundation
import SystemResources

/// How many threads a rank has of its own.
public enum Threads {
  /// The processors that this process may use, shared out among the ranks of its node that may use the same ones, and
  /// the time that its control group has, shared out among all of them.
  ///
  /// A rank that its launcher bound to processors of its own uses just these. Collective.
  /// - Throws: `CommunicationError`.
  public static func perRank(_ communicator: Communicator) throws -> Int {
    let mine = "\(communicator.hostName) \(allowedProcessors)"
    let sharers = try communicator.allGather(mine).filter { $0 == mine }.count
    let ofTime = timeLimit.map { Int($0.rounded(.up)) / communicator.nodeSize } ?? .max
    return max(1, min(allowedProcessors.count / max(1, sharers), ofTime))
  }

  /// What a process that has the machine for itself uses.
  public static var available: Int {
    max(1, min(allowedProcessors.count, timeLimit.map { Int($0.rounded(.up)) } ?? .max))
  }

  /// Processors' worth of time that the control group has; nil for no limit.
  private static var timeLimit: Double? { ControlGroup.all(of: "cpu").compactMap(\.processorLimit).min() }

  /// The processors that this process may run on, as its launcher bound it.
  static var allowedProcessors: [Int] {
    let prefix = "Cpus_allowed_list:"
    let line = SystemFile.text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix(prefix) }
    let processors = processors(line?.dropFirst(prefix.count).trimmingCharacters(in: .whitespaces) ?? "")
    return processors.isEmpty ? Array(0..<ProcessInfo.processInfo.activeProcessorCount) : processors
  }

  /// The processors of a list as Linux writes it: `0-3,8,10-11`.
  static func processors(_ list: String) -> [Int] {
    list.split(separator: ",").flatMap { range -> [Int] in
      let ends = range.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }
}
