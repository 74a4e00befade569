import Communication
import Display
import Foundation
import Host

/// `mpirun`'s default binding: it binds each of one or two ranks to a single core.
public enum Binding {
  /// A warning if ranks may use fewer processors than their `mpirun` and the user did not request that binding; nil
  /// otherwise. Collective, the same on every rank.
  ///
  /// - Parameter threads: threads per rank, if the user has set the number.
  /// - Throws: `CommunicationError`.
  public static func warning(threads: Int?, _ communicator: Communicator) throws -> String? {
    let mine = [
      communicator.hostName, list(Threads.allowedProcessors), isDefault ? list(launcherProcessors ?? []) : "",
    ]
    let ranks = try communicator.allGather(mine.joined(separator: "\n")).map {
      $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    return warning(threads: threads, ranks.filter { $0.count == 3 }.map { ($0[0], numbers($0[1]), numbers($0[2])) })
  }

  /// - Parameter ranks: each rank's host, the processors that it may use, and those that its launcher may use.
  static func warning(threads: Int?, _ ranks: [(host: String, own: Set<Int>, launchers: Set<Int>)]) -> String? {
    for host in ranks.map(\.host) {
      let here = ranks.filter { $0.host == host }
      let used = here.reduce(into: Set<Int>()) { $0.formUnion($1.own) }
      let there = here.reduce(into: used) { $0.formUnion($1.launchers) }
      if used.count == there.count || threads.map({ $0 * here.count <= used.count }) ?? false { continue }
      return "\(Quantity.count(here.count, "rank")) on \(host) can use only \(used.count) of "
        + "\(Quantity.count(there.count, "processor")), because mpirun binds one or two ranks to a core each by "
        + "default; pass --bind-to none to mpirun (launch/local.sh does), or --map-by slot:PE=THREADS"
    }
    return nil
  }

  /// Whether `mpirun` has neither a binding nor a mapping option.
  private static var isDefault: Bool {
    let environment = ProcessInfo.processInfo.environment
    let settings = ["OMPI_MCA_hwloc_base_binding_policy", "OMPI_MCA_rmaps_base_mapping_policy"]
    return settings.allSatisfy { environment[$0] == nil }
  }

  /// The processors of the `mpirun`, or of its daemon on this host, that started this process; nil if there is none.
  private static var launcherProcessors: [Int]? {
    var process = Int(getppid())
    for _ in 0..<8 where process > 1 {
      let status = SystemFile.text("/proc/\(process)/status")
      func field(_ name: String) -> String? {
        status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
          .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
      }
      if let name = field("Name"), ["mpirun", "mpiexec", "orterun", "orted", "prterun", "prted"].contains(name) {
        return field("Cpus_allowed_list").map { Threads.processors($0) }
      }
      process = field("PPid").flatMap { Int($0) } ?? 0
    }
    return nil
  }

  private static func list(_ processors: [Int]) -> String { processors.map(String.init).joined(separator: ",") }
  private static func numbers(_ list: String) -> Set<Int> { Set(list.split(separator: ",").compactMap { Int($0) }) }
}
