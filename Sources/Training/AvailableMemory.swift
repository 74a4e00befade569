import Foundation

/// How much memory a process could still take without the system having to look for it elsewhere.
public enum AvailableMemory {
  /// Bytes: what Linux says is available, and no more than its control group leaves.
  public static var bytes: Int {
    let system = values(in: "/proc/meminfo")["MemAvailable"].map { $0 << 10 }
    let all = system ?? Int(ProcessInfo.processInfo.physicalMemory)
    return groups.reduce(all) { min($0, leftInGroup($1) ?? $0) }
  }

  /// A control group's folder, and what its files are called in its version of the interface.
  private struct Group {
    let folder: String
    let limit: String
    let usage: String
    /// The line of memory.stat that says how much of the usage is the file cache, which gives way.
    let cache: String
  }

  /// The process's group and those that it is in, up to the root.
  private static var groups: [Group] {
    let lines = text("/proc/self/cgroup").split(separator: "\n").map {
      $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    }
    return lines.filter { $0.count == 3 }.flatMap { line -> [Group] in
      let unified = line[1].isEmpty
      guard unified || line[1].split(separator: ",").contains("memory") else { return [] }
      let parts = line[2].split(separator: "/")
      return (0...parts.count).map { depth in
        let path = parts.prefix(depth).map { "/" + $0 }.joined()
        return unified
          ? Group(folder: "/sys/fs/cgroup" + path, limit: "memory.max", usage: "memory.current", cache: "file")
          : Group(
            folder: "/sys/fs/cgroup/memory" + path, limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes",
            cache: "total_cache")
      }
    }
  }

  private static func leftInGroup(_ group: Group) -> Int? {
    func number(_ file: String) -> Int? {
      Int(text("\(group.folder)/\(file)").trimmingCharacters(in: .whitespacesAndNewlines))
    }
    guard let limit = number(group.limit), let usage = number(group.usage) else { return nil }
    let cache = values(in: "\(group.folder)/memory.stat")[group.cache] ?? 0
    return max(0, limit - max(0, usage - cache))
  }

  /// The numbers in lines of "name number" or "name: number kB".
  private static func values(in path: String) -> [String: Int] {
    var values: [String: Int] = [:]
    for line in text(path).split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == ":" }
      if words.count > 1, let value = Int(words[1]) { values[String(words[0])] = value }
    }
    return values
  }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}
