import Foundation
import Host
import Synchronization

/// Signals, as flags that the training loop asks for between steps.
///
/// SIGTERM, SIGINT and SIGUSR2 ask the run to save and stop, SIGUSR1 to save and go on; a second SIGINT ends the process
/// at once. They are blocked in all threads started later and taken by one of their own, so no system call of those is
/// ever interrupted. A library may start threads before `main`, which do not block these signals. The handler is for
/// them: without it, a signal delivered to such a thread would end the process.
public final class SignalWatch: Sendable {
  /// What was asked for, as bits, so that the ranks can put theirs together.
  public struct Requests: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let save = Requests(rawValue: 1)
    public static let stop = Requests(rawValue: 2)
    /// The run's time is up: to stop as well, for another reason.
    public static let timeIsUp = Requests(rawValue: 4)

    var areToStop: Bool { contains(.stop) || contains(.timeIsUp) }
  }

  /// The process's, as signals are.
  private static let requested = Atomic<UInt64>(0)
  /// When the last SIGUSR1 and the first SIGINT came, nanoseconds of the monotonic clock; 0 for never.
  private static let saveRequested = Atomic<UInt64>(0)
  private static let firstInterrupt = Atomic<UInt64>(0)
  private static let watched: [Int32] = [SIGTERM, SIGINT, SIGUSR2, SIGUSR1]

  /// Starts watching. To be made before any other thread is started, which would take the signals instead.
  ///
  /// What would kill the process where an error can be reported, a closed pipe or a file's size limit, is left to the
  /// system call's result.
  /// - Throws: `ResourceError` where its thread cannot be started.
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

  /// What was asked for since the last call.
  public func take() -> Requests {
    Requests(rawValue: SignalWatch.requested.exchange(0, ordering: .relaxed))
  }

  /// Whether the last SIGUSR1 came within so many seconds of a moment.
  func saveWasRequested(within seconds: Double, of moment: UInt64) -> Bool {
    let requested = SignalWatch.saveRequested.load(ordering: .relaxed)
    return requested > 0 && Double(max(requested, moment) - min(requested, moment)) < seconds * 1e9
  }

  /// Nanoseconds of the clock that the signals' times are told by.
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

  /// Called by the handler too: nothing but atomic operations and system calls.
  private static func note(_ signal: Int32) {
    let now = now
    switch signal {
    case SIGUSR1:
      saveRequested.store(now, ordering: .relaxed)
      requested.bitwiseOr(Requests.save.rawValue, ordering: .relaxed)
    case SIGINT:
      let (isFirst, first) = firstInterrupt.compareExchange(expected: 0, desired: now, ordering: .relaxed)
      // One key press may arrive twice, from the terminal and passed on.
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
