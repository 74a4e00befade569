import Foundation

/// Memory that this process can still allocate without swapping.
public enum AvailableMemory {
  /// Available memory in bytes: Linux's estimate, limited by the control groups and by `ulimit -v`.
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
    // The file cache can be reclaimed.
    let cache = SystemFile.values(in: "\(group.folder)/memory.stat")[group.isUnified ? "file" : "total_cache"] ?? 0
    return max(0, limit - max(0, usage - cache))
  }
}

/// The maximum memory that a process can allocate.
package enum InstalledMemory {
  /// The machine's memory and swap space in bytes, limited by the control groups.
  package static var bytes: Int {
    let values = SystemFile.values(in: "/proc/meminfo")
    let system = values["MemTotal"].map { ($0 + (values["SwapTotal"] ?? 0)) << 10 }
    let all = system ?? Int(ProcessInfo.processInfo.physicalMemory)
    return ControlGroup.all(of: "memory").reduce(all) { min($0, $1.memoryLimit ?? $0) }
  }
}
