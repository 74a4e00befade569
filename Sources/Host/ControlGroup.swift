import Foundation

/// A Linux control group of this process, which limits its memory, processors and threads.
package struct ControlGroup {
  /// The group's folder below `/sys/fs/cgroup`.
  package let folder: String
  /// Whether it is a group of cgroup version 2, which has one group for all controllers.
  package let isUnified: Bool

  /// The process's groups of a controller (`memory`, `cpu`) and all their parent groups.
  package static func all(of controller: String) -> [ControlGroup] {
    let lines = SystemFile.text("/proc/self/cgroup").split(separator: "\n").map {
      $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    }
    return lines.filter { $0.count == 3 }.flatMap { line -> [ControlGroup] in
      let isUnified = line[1].isEmpty
      guard isUnified || line[1].split(separator: ",").contains(Substring(controller)) else { return [] }
      let parts = line[2].split(separator: "/")
      let root = "/sys/fs/cgroup" + (isUnified ? "" : "/\(controller)")
      return (0...parts.count).map { depth in
        ControlGroup(folder: root + parts.prefix(depth).map { "/" + $0 }.joined(), isUnified: isUnified)
      }
    }
  }

  /// The memory limit in bytes; nil for no limit.
  package var memoryLimit: Int? { number(isUnified ? "memory.max" : "memory.limit_in_bytes") }

  /// The maximum number of threads and processes of the group; nil for no limit.
  package var threadLimit: Int? { number("pids.max") }

  /// The limit of processor time, in processors; nil for no limit.
  package var processorLimit: Double? {
    if !isUnified {
      guard let quota = number("cpu.cfs_quota_us"), let period = number("cpu.cfs_period_us") else { return nil }
      return ControlGroup.processors(quota: quota, period: period)
    }
    return ControlGroup.processors(max: SystemFile.text("\(folder)/cpu.max"))
  }

  /// Parses `cpu.max`: `200000 100000` is 2 processors, `max 100000` is nil, no limit.
  package static func processors(max text: String) -> Double? {
    let words = text.split(whereSeparator: \.isWhitespace).map { Int($0) }
    guard words.count == 2, let quota = words[0], let period = words[1] else { return nil }
    return processors(quota: quota, period: period)
  }

  private static func processors(quota: Int, period: Int) -> Double? {
    quota > 0 && period > 0 ? Double(quota) / Double(period) : nil
  }

  /// The content of one of the group's files as a number; nil if it is not a number.
  package func number(_ file: String) -> Int? {
    Int(SystemFile.text("\(folder)/\(file)").trimmingCharacters(in: .whitespacesAndNewlines))
  }
}

/// Files with information about the system, such as those of `/proc`.
package enum SystemFile {
  /// The content of a file; empty if it cannot be read.
  package static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  /// The values of a file whose lines have the form "name number" or "name: number kB".
  package static func values(in path: String) -> [String: Int] {
    var values: [String: Int] = [:]
    for line in text(path).split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == ":" }
      if words.count > 1, let value = Int(words[1]) { values[String(words[0])] = value }
    }
    return values
  }
}
