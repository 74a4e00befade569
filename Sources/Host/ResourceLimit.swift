import Foundation

/// A resource limit of this process (`ulimit`).
public enum ResourceLimit: Sendable {
  /// Threads and processes of this user, `ulimit -u`. Not enforced for root.
  case processes
  /// Bytes of address space, `ulimit -v`.
  case addressSpace
  /// Open files, `ulimit -n`.
  case openFiles

  /// The limit in force; nil for no limit.
  public var soft: Int? { values.map(\.soft) ?? nil }

  /// The maximum to which an unprivileged process may raise its soft limit; nil for no limit.
  public var hard: Int? { values.map(\.hard) ?? nil }

  /// Bytes of address space that this process can still use under `ulimit -v`; nil for no limit.
  public static var addressSpaceLeft: Int? {
    guard let limit = addressSpace.soft else { return nil }
    let pages = SystemFile.text("/proc/self/statm").split(separator: " ").first.flatMap { Int($0) } ?? 0
    return max(0, limit - pages * sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Checks that `ulimit -v` leaves this process `bytes` of address space.
  ///
  /// - Parameter purpose: what needs them, for the message.
  /// - Throws: `ResourceError` if it does not.
  public static func requireAddressSpace(_ bytes: Int, for purpose: String) throws(ResourceError) {
    guard let left = addressSpaceLeft, left < bytes else { return }
    throw ResourceError(
      "the limit on memory (ulimit -v) leaves \(left >> 20) MiB, and \(purpose) may take \(bytes >> 20) MiB: raise the "
        + "limit")
  }

  private var values: (soft: Int?, hard: Int?)? {
    var limit = rlimit()
    guard getrlimit(kind, &limit) == 0 else { return nil }
    func number(_ value: rlim_t) -> Int? { Int(exactly: value) }
    return (number(limit.rlim_cur), number(limit.rlim_max))
  }

  /// Sets the soft limit.
  ///
  /// - Returns: whether the system accepted it.
  func setSoft(_ value: Int) -> Bool {
    var limit = rlimit()
    guard getrlimit(kind, &limit) == 0 else { return false }
    limit.rlim_cur = rlim_t(value)
    return setrlimit(kind, &limit) == 0
  }

  private var kind: __rlimit_resource_t {
    let resource =
      switch self {
      case .processes: __RLIMIT_NPROC
      case .addressSpace: RLIMIT_AS
      case .openFiles: RLIMIT_NOFILE
      }
    return __rlimit_resource_t(resource.rawValue)
  }
}
