import Foundation
import Synchronization

/// Signals, as flags that the training loop asks for between steps.
///
/// SIGTERM, SIGINT and SIGUSR2 ask the run to save and stop, SIGUSR1 to save and go on. They are blocked in all threads
/// and taken by one of their own, so no system call of another is ever interrupted.
public final class SignalWatch: Sendable {
  /// What was asked for, as bits, so that the ranks can put theirs together.
  public struct Requests: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let save = Requests(rawValue: 1)
    public static let stop = Requests(rawValue: 2)
  }

  private let requested = Atomic<UInt64>(0)
  private static let stopping: [Int32] = [SIGTERM, SIGINT, SIGUSR2]
  private static let saving = SIGUSR1

  /// Starts watching. To be made before any other thread is started, which would take the signals instead.
  public init() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in SignalWatch.stopping + [SignalWatch.saving] { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let thread = Thread { [self] in watch() }
    thread.name = "signals"
    thread.start()
  }

  /// What was asked for since the last call.
  public func take() -> Requests { Requests(rawValue: requested.exchange(0, ordering: .relaxed)) }

  private func watch() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in SignalWatch.stopping + [SignalWatch.saving] { sigaddset(&set, signal) }
    while true {
      var signal: Int32 = 0
      guard sigwait(&set, &signal) == 0 else { continue }
      let request: Requests = SignalWatch.stopping.contains(signal) ? .stop : .save
      requested.bitwiseOr(request.rawValue, ordering: .relaxed)
    }
  }
}
