import Foundation
import Host

/// Distributes work among threads and returns the results in the order of submission.
///
/// At most a few pieces per thread are in flight. Submitting more waits for the oldest result. With one thread the
/// caller does the work itself.
final class OrderedWork<Input: Sendable, Output: Sendable> {
  private let queue: Queue
  private let threads: Int
  /// With one thread: the caller's worker.
  private var own: ((Input) throws -> Output)?
  private let makeWorker: @Sendable () -> (Input) throws -> Output

  /// The state that the threads share, guarded by the condition.
  private final class Queue: @unchecked Sendable {
    let condition = NSCondition()
    var waiting: [(number: Int, input: Input)] = []
    var done: [Int: Result<Output, any Error>] = [:]
    var submitted = 0
    var taken = 0
    var isClosed = false

    /// Processes pieces until the queue is closed.
    func run(_ work: (Input) throws -> Output) {
      while let (number, input) = next() {
        let result = Result { try work(input) }
        condition.lock()
        done[number] = result
        condition.broadcast()
        condition.unlock()
      }
    }

    private func next() -> (number: Int, input: Input)? {
      condition.lock()
      defer { condition.unlock() }
      while waiting.isEmpty && !isClosed { condition.wait() }
      return isClosed || waiting.isEmpty ? nil : waiting.removeFirst()
    }

    /// Waits for the oldest result that has not been taken, and takes it.
    func takeOldest() throws -> Output {
      condition.lock()
      defer { condition.unlock() }
      while true {
        if let result = done.removeValue(forKey: taken) {
          taken += 1
          return try result.get()
        }
        condition.wait()
      }
    }

    func submit(_ input: Input) {
      condition.lock()
      waiting.append((submitted, input))
      submitted += 1
      condition.broadcast()
      condition.unlock()
    }

    func close() {
      condition.lock()
      isClosed = true
      condition.broadcast()
      condition.unlock()
    }
  }

  /// - Parameter makeWorker: makes the function that processes a piece; called once on each thread.
  /// - Throws: `ResourceError` if the system cannot start that many threads.
  init(threads: Int, makeWorker: @escaping @Sendable () -> (Input) throws -> Output) throws(ResourceError) {
    precondition(threads >= 1)
    self.threads = threads
    self.makeWorker = makeWorker
    queue = Queue()
    guard threads > 1 else { return }
    // If a thread cannot be started, `deinit` closes the queue and the threads already started end.
    for number in 1...threads {
      _ = try SystemThread("tokenizer \(number) of \(threads)") { [queue] in queue.run(makeWorker()) }
    }
  }

  deinit { queue.close() }

  /// Submits a piece of work, and passes finished results to `take` if too many pieces are in flight.
  ///
  /// - Throws: what the work or `take` throws.
  func submit(_ input: Input, take: (Output) throws -> Void) throws {
    if threads == 1 {
      let work = own ?? makeWorker()
      own = work
      return try take(try work(input))
    }
    queue.submit(input)
    while queue.submitted - queue.taken > 3 * threads { try take(try queue.takeOldest()) }
  }

  /// Passes all remaining results to `take`.
  ///
  /// - Throws: what the work or `take` throws.
  func finish(take: (Output) throws -> Void) throws {
    while queue.submitted > queue.taken { try take(try queue.takeOldest()) }
  }
}
