import Foundation
import Host
import Synchronization

/// Work on its own thread that can be polled, awaited and cancelled.
final class BackgroundTask<Success: Sendable>: Sendable {
  private let outcome = Mutex<Result<Success, any Error>?>(nil)
  private let isCancelled = Atomic<Bool>(false)
  private let hasEnded = DispatchSemaphore(value: 0)

  /// Starts the work.
  ///
  /// - Parameter work: calls its argument from time to time, which throws `CancellationError` after a cancellation.
  /// - Throws: `ResourceError` if the thread cannot be started.
  init(_ name: String, _ work: @escaping @Sendable (_ checkCancellation: () throws -> Void) throws -> Success)
    throws(ResourceError)
  {
    _ = try SystemThread(name) { [self] in
      let result = Result {
        try work { if isCancelled.load(ordering: .relaxed) { throw CancellationError() } }
      }
      outcome.withLock { $0 = result }
      hasEnded.signal()
    }
  }

  /// The result of the work; nil while it is running.
  var result: Result<Success, any Error>? { outcome.withLock { $0 } }

  /// Waits for the end of the work.
  func wait() -> Result<Success, any Error> {
    hasEnded.wait()
    hasEnded.signal()
    guard let result else { preconditionFailure("the work has ended without a result") }
    return result
  }

  /// Requests an early end.
  func cancel() { isCancelled.store(true, ordering: .relaxed) }
}
