import COpenMPI
import Communication
import Foundation

/// Prints the time of a reduction of `count` floats in 16 buckets, and of MPI_Allreduce for the same number.
func timeGradientReduction(_ communicator: Communicator, count: Int) throws {
  let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
  defer { memory.deallocate() }
  memory.initialize(repeating: 1)
  let buckets = (0..<16).map { (0..<count).slice($0, of: 16) }
  let reduction = GradientReduction(communicator: communicator, buffer: memory, buckets: buckets)

  func best(_ body: () throws -> Void) throws -> Double {
    var best = Double.infinity
    for _ in 0..<10 {
      try communicator.barrier()
      let start = Date()
      try body()
      best = min(best, Date().timeIntervalSince(start))
    }
    return best
  }
  let own = try best {
    for bucket in buckets.indices { try reduction.begin(bucket: bucket) }
    try reduction.finish()
  }
  memory.update(repeating: 1)
  let library = try best {
    // A single rank does not start MPI.
    if communicator.size == 1 { return }
    MPI_Allreduce(mpiInPlace, memory.baseAddress, Int32(count), mpiFloat, mpiSum, mpiCommWorld)
  }
  let slowest = try (communicator.maximum(own), communicator.maximum(library))
  if communicator.isRoot {
    print("floats \(count) ranks \(communicator.size) reduction \(slowest.0) s MPI_Allreduce \(slowest.1) s")
    print("adding \(reduction.secondsAdding / 10) s scratch \(reduction.scratchBytes) bytes")
  }
}

/// Prints `ready RANK PID`, then prints each signal that it receives. Returns status 75 after a signal other than
/// SIGUSR1 if `stops`; otherwise it waits forever.
func waitForSignal(_ communicator: Communicator, stops: Bool) throws -> Int32 {
  var signals = sigset_t()
  sigemptyset(&signals)
  for number in [SIGUSR1, SIGUSR2, SIGTERM, SIGINT] {
    sigaddset(&signals, number)
    // Launchers check for a handler before they send a signal.
    signal(number) { _ in }
  }
  pthread_sigmask(SIG_BLOCK, &signals, nil)
  print("ready \(communicator.rank) \(getpid())")
  fflush(nil)
  while true {
    var number: Int32 = 0
    sigwait(&signals, &number)
    print("signal \(number) on rank \(communicator.rank)")
    fflush(nil)
    if stops && number != SIGUSR1 { break }
  }
  try communicator.barrier()
  return 75
}
