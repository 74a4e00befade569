import Foundation
import Host

/// Work shared out among threads whose results come back in the order in which the work was given.
///
/// Not more than a few pieces are under way at a time: whoever gives more waits for the oldest. With one thread the
/// caller does the work itself.
final class OrderedWork<Input: Sendable, Output: Sendable> {
  private let board: Board
  private let threads: Int
  private var own: ((Input) throws -> Output)?
  private let makeWorker: @Sendable () -> (Input) throws -> Output

  /// What the threads share.
  private final class Board: @unchecked Sendable {
    // Everything is guarded by the condition.
    let condition = NSCondition()
    var waiting: [(number: Int, input: Input)] = []
    var done: [Int: Result<Output, any Error>] = [:]
    var given = 0
    var taken = 0
    var isClosed = false

    /// Takes pieces until there will be none.
    func serve(_ work: (Input) throws -> Output) {
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

    /// The result of the oldest piece that nobody has taken yet.
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

    func give(_ input: Input) {
      condition.lock()
      waiting.append((given, input))
      given += 1
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

  /// - Parameter makeWorker: makes what does a piece; called once on each thread.
  /// - Throws: `ResourceError` where the system does not start so many threads.
  init(threads: Int, makeWorker: @escaping @Sendable () -> (Input) throws -> Output) throws(ResourceError) {
    precondition(threads >= 1)
    self.threads = threads
    self.makeWorker = makeWorker
    board = Board()
    guard threads > 1 else { return }
    // If a thread cannot be started, `deinit` closes the board and the threads already started end.
    for number in 1...threads {
      _ = try SystemThread("tokenizer \(number) of \(threads)") { [board] in board.serve(makeWorker()) }
    }
  }

  deinit { board.close() }

  /// Gives a piece of work, and takes what is done where too much is under way.
  ///
  /// - Throws: what the work or `take` throws.
  func give(_ input: Input, take: (Output) throws -> Void) throws {
    if threads == 1 {
      let work = own ?? makeWorker()
      own = work
      return try take(try work(input))
    }
    board.give(input)
    while board.given - board.taken > 3 * threads { try take(try board.takeOldest()) }
  }

  /// Takes all that is left.
  ///
  /// - Throws: what the work or `take` throws.
  func finish(take: (Output) throws -> Void) throws {
    while board.given > board.taken { try take(try board.takeOldest()) }
  }
}
