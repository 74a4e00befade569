import Synchronization
import SystemResources

#if canImport(Glibc)
  import Glibc
#endif

/// The threads of a rank: they share out numbered pieces of work and meet again.
///
/// Which thread takes a piece is left to chance; what a piece computes must depend on its number alone. Then the
/// number of threads changes no bit of a result.
public final class ThreadTeam: Sendable {
  /// The number of threads, the caller's included.
  public let count: Int

  private let board = Board()
  private let threads: [SystemThread]

  /// A team of the caller alone.
  public init() { (count, threads) = (1, []) }

  /// A team of `count` ≥ 1 threads; all but the caller's live as long as the object.
  ///
  /// - Throws: `ResourceError` where the system does not start so many.
  public init(count: Int) throws(ResourceError) {
    precondition(count >= 1, "a team of \(count) threads")
    let board = board
    var threads: [SystemThread] = []
    do throws(ResourceError) {
      for worker in 1..<count {
        threads.append(try SystemThread("worker \(worker + 1) of \(count)") { board.serve(as: worker) })
      }
    } catch {
      board.dismiss()
      for thread in threads { thread.join() }
      throw error
    }
    self.threads = threads
    self.count = count
  }

  deinit {
    board.dismiss()
    for thread in threads { thread.join() }
  }

  /// Calls `body` once for each piece in 0..<`pieces`, on any of the threads, and returns when all have been done.
  ///
  /// `worker` is in 0..<``count`` and no two calls at one time have the same: it names a thread's scratch memory.
  /// Only one caller at a time, and never from within a piece.
  public func forEach(_ pieces: Int, _ body: (_ index: Int, _ worker: Int) -> Void) {
    if count == 1 || pieces <= 1 {
      for index in 0..<max(pieces, 0) { body(index, 0) }
      return
    }
    withoutActuallyEscaping(body) { board.share($0, pieces: pieces, helpers: count - 1) }
  }
}

/// Where the work is written up that a team's threads take.
private final class Board: @unchecked Sendable {
  // Unchecked: `job` and `pieces` are written by the caller alone, while all threads wait for the next generation.
  private var job: ((_ index: Int, _ worker: Int) -> Void)?
  private var pieces = 0
  private var isDismissed = false
  private let next = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let running = Atomic<Int>(0)
  private let lock: UnsafeMutablePointer<(mutex: pthread_mutex_t, condition: pthread_cond_t)>

  init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: (pthread_mutex_t(), pthread_cond_t()))
    pthread_mutex_init(&lock.pointee.mutex, nil)
    pthread_cond_init(&lock.pointee.condition, nil)
  }

  deinit {
    pthread_cond_destroy(&lock.pointee.condition)
    pthread_mutex_destroy(&lock.pointee.mutex)
    lock.deallocate()
  }

  /// The caller's side: writes the job up, takes part in it, and waits for the helpers.
  func share(_ job: @escaping (_ index: Int, _ worker: Int) -> Void, pieces: Int, helpers: Int) {
    self.job = job
    self.pieces = pieces
    next.store(0, ordering: .relaxed)
    running.store(helpers, ordering: .relaxed)
    announce()
    work(as: 0)
    var spins = 0
    while running.load(ordering: .acquiring) > 0 {
      spins &+= 1
      if spins > 2_000 { sched_yield() }
    }
    self.job = nil
  }

  /// Sends the helpers home.
  func dismiss() {
    isDismissed = true
    announce()
  }

  private func announce() {
    pthread_mutex_lock(&lock.pointee.mutex)
    generation.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(&lock.pointee.condition)
    pthread_mutex_unlock(&lock.pointee.mutex)
  }

  /// A helper's life: it looks out for work for a little while, then sleeps until there is some.
  func serve(as worker: Int) {
    var seen = 0
    while true {
      var spins = 0
      while generation.load(ordering: .acquiring) == seen && spins < 20_000 { spins &+= 1 }
      pthread_mutex_lock(&lock.pointee.mutex)
      while generation.load(ordering: .acquiring) == seen {
        pthread_cond_wait(&lock.pointee.condition, &lock.pointee.mutex)
      }
      seen = generation.load(ordering: .acquiring)
      pthread_mutex_unlock(&lock.pointee.mutex)
      if isDismissed { return }
      work(as: worker)
      running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }
  }

  /// Takes pieces until none is left; the job is let go of before the caller hears of it.
  @inline(never)
  private func work(as worker: Int) {
    guard let job else { return }
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if index >= pieces { return }
      job(index, worker)
    }
  }
}
