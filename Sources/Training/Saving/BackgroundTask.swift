import Foundation
import Host
import Synchronization

/// Work on a thread of its own, whose end can be asked for or waited for.
final class BackgroundTask<Success: Sendable>: Sendable {
  private let outcome = Mutex<Result<Success, any Error>?>(nil)
  private let isCancelled = Atomic<Bool>(false)
  private let hasEnded = DispatchSemaphore(value: 0)

  /// Starts the work.
  ///
  /// - Parameter work: calls the function that it is given now and then, which throws `CancellationError` once the work
  ///   is no longer wanted.
  /// - Throws: `ResourceError` where its thread cannot be started.
  init(_ name: String, _ work: @escaping @Sendable (_ goOn: () throws -> Void) throws -> Success) throws(ResourceError)
  {
    _ = try SystemThread(name) { [self] in
      let result = Result {
        try work { if isCancelled.load(ordering: .relaxed) { throw CancellationError() } }
      }
      outcome.withLock { $0 = result }
      hasEnded.signal()
    }
  }

  /// What the work came to; nil while it goes on.
  var result: Result<Success, any Error>? { outcome.withLock { $0 } }

  /// Waits for the end.
  func wait() -> Result<Success, any Error> {
    hasEnded.wait()
    hasEnded.signal()
    guard let result else { preconditionFailure("work that ended without a result") }
    return result
  }

  /// Asks the work to end early.
  func cancel() { isCancelled.store(true, ordering: .relaxed) }
}
