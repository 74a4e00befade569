import Foundation

/// A control group that this process is in: what of the machine its system, or its container, lets it have.
package struct ControlGroup {
  package let folder: String
  /// Whether it is one of version 2, where one group is there for all controllers.
  package let isUnified: Bool

  /// The process's groups of a controller (`memory`, `cpu`) and those that these are in, up to the root.
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

  /// Bytes; nil for no limit.
  package var memoryLimit: Int? { number(isUnified ? "memory.max" : "memory.limit_in_bytes") }

  /// The number of threads and processes that the group may have; nil for no limit.
  package var threadLimit: Int? { number("pids.max") }

  /// Processors' worth of time; nil for no limit.
  package var processorLimit: Double? {
    if !isUnified {
      guard let quota = number("cpu.cfs_quota_us"), let period = number("cpu.cfs_period_us") else { return nil }
      return ControlGroup.processors(quota: quota, period: period)
    }
    return ControlGroup.processors(max: SystemFile.text("\(folder)/cpu.max"))
  }

  /// What `cpu.max` allows: `200000 100000` is 2 processors, `max 100000` all.
  package static func processors(max text: String) -> Double? {
    let words = text.split(whereSeparator: \.isWhitespace).map { Int($0) }
    guard words.count == 2, let quota = words[0], let period = words[1] else { return nil }
    return processors(quota: quota, period: period)
  }

  private static func processors(quota: Int, period: Int) -> Double? {
    quota > 0 && period > 0 ? Double(quota) / Double(period) : nil
  }

  /// The number that is all of a file; nil where it has none.
  package func number(_ file: String) -> Int? {
    Int(SystemFile.text("\(folder)/\(file)").trimmingCharacters(in: .whitespacesAndNewlines))
  }
}

/// Files in which Linux says how it is.
package enum SystemFile {
  /// The whole file; empty where there is none.
  package static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  /// The numbers in lines of "name number" or "name: number kB".
  package static func values(in path: String) -> [String: Int] {
    var values: [String: Int] = [:]
    for line in text(path).split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == ":" }
      if words.count > 1, let value = Int(words[1]) { values[String(words[0])] = value }
    }
    return values
  }
}
