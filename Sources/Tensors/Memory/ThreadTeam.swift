import Host
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The threads of a rank. They divide numbered pieces of work among themselves and wait until all pieces are done.
///
/// Any thread may execute any piece, so a piece's result must depend only on its number. Then the number of threads
/// changes no bit of a result.
public final class ThreadTeam: Sendable {
  /// The number of threads, including the caller's.
  public let count: Int

  private let job = SharedJob()
  private let threads: [SystemThread]

  /// A team that consists of the calling thread.
  public init() { (count, threads) = (1, []) }

  /// A team of `count` ≥ 1 threads. It starts `count` − 1 threads, which end with the object.
  ///
  /// - Throws: `ResourceError` if the system cannot start that many threads.
  public init(count: Int) throws(ResourceError) {
    precondition(count >= 1, "a team of \(count) threads")
    let job = job
    var threads: [SystemThread] = []
    do throws(ResourceError) {
      for worker in 1..<count {
        threads.append(try SystemThread("worker \(worker + 1) of \(count)") { job.runWorker(worker) })
      }
    } catch {
      job.stop()
      for thread in threads { thread.join() }
      throw error
    }
    self.threads = threads
    self.count = count
  }

  deinit {
    job.stop()
    for thread in threads { thread.join() }
  }

  /// Calls `body` once for each piece in 0..<`pieces`, on any of the threads, and returns when all pieces are done.
  ///
  /// `worker` is in 0..<``count``, and no two concurrent calls have the same, because it selects a thread's scratch memory.
  /// - Precondition: no other call is in progress, so `body` must not call this method.
  public func forEach(_ pieces: Int, _ body: (_ index: Int, _ worker: Int) -> Void) {
    if count == 1 || pieces <= 1 {
      for index in 0..<max(pieces, 0) { body(index, 0) }
      return
    }
    withoutActuallyEscaping(body) { job.run($0, pieces: pieces, helpers: count - 1) }
  }
}

/// The current job of a team, and the synchronization of its threads.
private final class SharedJob: @unchecked Sendable {
  // Unchecked: only the caller writes `job` and `pieces`, while all workers wait for the next generation.
  private var job: ((_ index: Int, _ worker: Int) -> Void)?
  private var pieces = 0
  private var isStopped = false
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

  /// Runs a job: the caller publishes it, executes pieces too, and waits for the helpers.
  func run(_ job: @escaping (_ index: Int, _ worker: Int) -> Void, pieces: Int, helpers: Int) {
    self.job = job
    self.pieces = pieces
    next.store(0, ordering: .relaxed)
    running.store(helpers, ordering: .relaxed)
    wakeWorkers()
    executePieces(as: 0)
    var spins = 0
    while running.load(ordering: .acquiring) > 0 {
      spins &+= 1
      if spins > 2_000 { sched_yield() }
    }
    self.job = nil
  }

  /// Ends the helpers' threads.
  func stop() {
    isStopped = true
    wakeWorkers()
  }

  private func wakeWorkers() {
    pthread_mutex_lock(&lock.pointee.mutex)
    generation.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(&lock.pointee.condition)
    pthread_mutex_unlock(&lock.pointee.mutex)
  }

  /// A helper's loop: it spins for a short time, then sleeps until there is a job.
  func runWorker(_ worker: Int) {
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
      if isStopped { return }
      executePieces(as: worker)
      running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }
  }

  /// Executes pieces until none is left. It is not inlined, so that it releases the job before the caller is notified.
  @inline(never)
  private func executePieces(as worker: Int) {
    guard let job else { return }
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if index >= pieces { return }
      job(index, worker)
    }
  }
}
