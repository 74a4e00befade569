import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The threads of a rank: they share out numbered pieces of work and meet again.
///
/// Which thread takes a piece is left to chance; what a piece computes must depend on its number alone. Then the
/// number of threads changes no bit of a result.
public final class ThreadTeam: @unchecked Sendable {
  // Unchecked: `job` is written by the caller alone, between two meetings of the team.

  /// The number of threads, the caller's included.
  public let count: Int

  private var job: ((_ index: Int, _ worker: Int) -> Void)?
  private var pieces = 0
  private let next = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let running = Atomic<Int>(0)
  private let sleepers: UnsafeMutablePointer<Sleepers>
  private var threads: [pthread_t] = []

  private struct Sleepers {
    var mutex = pthread_mutex_t()
    var condition = pthread_cond_t()
    var stopping = false
  }

  /// A team of `count` ≥ 1 threads; all but the caller's are started here and live as long as the object.
  public init(count: Int) {
    precondition(count >= 1, "a team of \(count) threads")
    self.count = count
    sleepers = .allocate(capacity: 1)
    sleepers.initialize(to: Sleepers())
    pthread_mutex_init(&sleepers.pointee.mutex, nil)
    pthread_cond_init(&sleepers.pointee.condition, nil)
    for worker in 1..<max(count, 1) {
      let seat = Seat(team: self, worker: worker)
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          let seat = Unmanaged<Seat>.fromOpaque(argument).takeRetainedValue()
          ThreadTeam.serve(seat)
          return nil
        }, Unmanaged.passRetained(seat).toOpaque())
      precondition(status == 0, "no thread could be started: error \(status)")
      threads.append(thread)
    }
  }

  deinit {
    pthread_mutex_lock(&sleepers.pointee.mutex)
    sleepers.pointee.stopping = true
    generation.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(&sleepers.pointee.condition)
    pthread_mutex_unlock(&sleepers.pointee.mutex)
    for thread in threads { pthread_join(thread, nil) }
    pthread_cond_destroy(&sleepers.pointee.condition)
    pthread_mutex_destroy(&sleepers.pointee.mutex)
    sleepers.deallocate()
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
    withoutActuallyEscaping(body) { escapable in
      job = escapable
      self.pieces = pieces
      next.store(0, ordering: .relaxed)
      running.store(count - 1, ordering: .relaxed)
      pthread_mutex_lock(&sleepers.pointee.mutex)
      generation.wrappingAdd(1, ordering: .releasing)
      pthread_cond_broadcast(&sleepers.pointee.condition)
      pthread_mutex_unlock(&sleepers.pointee.mutex)
      work(as: 0)
      var spins = 0
      while running.load(ordering: .acquiring) > 0 {
        spins &+= 1
        if spins > 2_000 { sched_yield() }
      }
      job = nil
    }
  }

  /// What a thread holds: the team without keeping it alive, so that the team's end can end the thread.
  private final class Seat {
    unowned let team: ThreadTeam
    let worker: Int
    init(team: ThreadTeam, worker: Int) {
      self.team = team
      self.worker = worker
    }
  }

  private static func serve(_ seat: Seat) {
    let team = seat.team
    let sleepers = team.sleepers
    var seen = 0
    while true {
      var spins = 0
      while team.generation.load(ordering: .acquiring) == seen && spins < 20_000 { spins &+= 1 }
      pthread_mutex_lock(&sleepers.pointee.mutex)
      while team.generation.load(ordering: .acquiring) == seen {
        pthread_cond_wait(&sleepers.pointee.condition, &sleepers.pointee.mutex)
      }
      seen = team.generation.load(ordering: .acquiring)
      let stopping = sleepers.pointee.stopping
      pthread_mutex_unlock(&sleepers.pointee.mutex)
      if stopping { return }
      team.work(as: seat.worker)
      team.running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
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
