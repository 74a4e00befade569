import Foundation
import Host
import Synchronization

/// Records signals as flags that the training loop checks between steps.
///
/// SIGTERM, SIGINT and SIGUSR2 request to save and stop, SIGUSR1 to save and continue; a second SIGINT ends the process
/// at once. All threads started later block these signals, and a dedicated thread receives them, so they interrupt no
/// system call. A library may start threads before `main`, which do not block them. The handler is for these threads:
/// without it, a signal delivered to one of them would end the process.
public final class SignalWatch: Sendable {
  /// The requests as bits, which the ranks combine.
  public struct Requests: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let save = Requests(rawValue: 1)
    public static let stop = Requests(rawValue: 2)
    /// The time limit is reached: also stops the run.
    public static let timeIsUp = Requests(rawValue: 4)

    var includesStop: Bool { contains(.stop) || contains(.timeIsUp) }
  }

  /// The requests of this process. Static because signals belong to the process.
  private static let requested = Atomic<UInt64>(0)
  /// Times of the last SIGUSR1 and the first SIGINT, nanoseconds of the monotonic clock; 0 for never.
  private static let saveRequested = Atomic<UInt64>(0)
  private static let firstInterrupt = Atomic<UInt64>(0)
  private static let watched: [Int32] = [SIGTERM, SIGINT, SIGUSR2, SIGUSR1]

  /// Starts watching. Call it before any other thread starts, which would receive the signals instead.
  ///
  /// Also ignores SIGPIPE and SIGXFSZ, so that a closed pipe or a file size limit is an error of the system call.
  /// - Throws: `ResourceError` if its thread cannot be started.
  public init() throws(ResourceError) {
    _ = take()
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { SignalWatch.note($0) }
    action.sa_flags = SA_RESTART
    for signal in SignalWatch.watched { sigaction(signal, &action, nil) }
    for signal in [SIGPIPE, SIGXFSZ] { Foundation.signal(signal, SIG_IGN) }

    var set = SignalWatch.set
    pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = try SystemThread("signals") { SignalWatch.watch() }
  }

  /// The requests since the last call.
  public func take() -> Requests {
    Requests(rawValue: SignalWatch.requested.exchange(0, ordering: .relaxed))
  }

  /// Whether the last SIGUSR1 came within `seconds` before or after a moment.
  func saveWasRequested(within seconds: Double, of moment: UInt64) -> Bool {
    let requested = SignalWatch.saveRequested.load(ordering: .relaxed)
    return requested > 0 && Double(max(requested, moment) - min(requested, moment)) < seconds * 1e9
  }

  /// Nanoseconds of the monotonic clock.
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private static func watch() {
    var set = set
    while true {
      var signal: Int32 = 0
      if sigwait(&set, &signal) == 0 { note(signal) }
    }
  }

  /// Also called by the signal handler, so it uses only atomic operations and system calls.
  private static func note(_ signal: Int32) {
    let now = now
    switch signal {
    case SIGUSR1:
      saveRequested.store(now, ordering: .relaxed)
      requested.bitwiseOr(Requests.save.rawValue, ordering: .relaxed)
    case SIGINT:
      let (isFirst, first) = firstInterrupt.compareExchange(expected: 0, desired: now, ordering: .relaxed)
      // One key press may arrive twice, from the terminal and forwarded by mpirun.
      if !isFirst && now - first > 200_000_000 { _exit(128 + SIGINT) }
      fallthrough
    default:
      requested.bitwiseOr(Requests.stop.rawValue, ordering: .relaxed)
    }
  }

  private static var set: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in watched { sigaddset(&set, signal) }
    return set
  }
}
