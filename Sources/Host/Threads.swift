import Foundation

/// The processors that this process may use.
public enum Threads {
  /// The number of threads of a process that does not share its processors with other ranks.
  public static var available: Int {
    max(1, min(allowedProcessors.count, timeLimit.map { Int($0.rounded(.up)) } ?? .max))
  }

  /// The control groups' limit of processor time, in processors; nil for no limit.
  package static var timeLimit: Double? { ControlGroup.all(of: "cpu").compactMap(\.processorLimit).min() }

  /// The processors that this process may run on, according to its affinity mask.
  package static var allowedProcessors: [Int] {
    let prefix = "Cpus_allowed_list:"
    let line = SystemFile.text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix(prefix) }
    let processors = processors(line?.dropFirst(prefix.count).trimmingCharacters(in: .whitespaces) ?? "")
    return processors.isEmpty ? Array(0..<ProcessInfo.processInfo.activeProcessorCount) : processors
  }

  /// Parses a list of processors in Linux's notation: `0-3,8,10-11`.
  package static func processors(_ list: String) -> [Int] {
    list.split(separator: ",").flatMap { range -> [Int] in
      let ends = range.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }
}
