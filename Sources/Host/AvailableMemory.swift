import Foundation

/// How much memory a process could still take without the system having to look for it elsewhere.
public enum AvailableMemory {
  /// Bytes: what Linux says is available, and no more than its control group and `ulimit -v` leave.
  public static var bytes: Int {
    let system = SystemFile.values(in: "/proc/meminfo")["MemAvailable"].map { $0 << 10 }
    let all = system ?? Int(ProcessInfo.processInfo.physicalMemory)
    let free = ControlGroup.all(of: "memory").reduce(all) { min($0, left(in: $1) ?? $0) }
    return min(free, ResourceLimit.addressSpaceLeft ?? free)
  }

  private static func left(in group: ControlGroup) -> Int? {
    guard let limit = group.memoryLimit,
      let usage = group.number(group.isUnified ? "memory.current" : "memory.usage_in_bytes")
    else { return nil }
    // The file cache gives way.
    let cache = SystemFile.values(in: "\(group.folder)/memory.stat")[group.isUnified ? "file" : "total_cache"] ?? 0
    return max(0, limit - max(0, usage - cache))
  }
}

/// How much memory a process could ever take.
package enum InstalledMemory {
  /// Bytes: the machine's memory and swap space, and no more than the control group's limit.
  package static var bytes: Int {
    let values = SystemFile.values(in: "/proc/meminfo")
    let system = values["MemTotal"].map { ($0 + (values["SwapTotal"] ?? 0)) << 10 }
    let all = system ?? Int(ProcessInfo.processInfo.physicalMemory)
    return ControlGroup.all(of: "memory").reduce(all) { min($0, $1.memoryLimit ?? $0) }
  }
}
