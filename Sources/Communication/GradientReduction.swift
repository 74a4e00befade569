import COpenMPI
import Glibc

/// The sum over ranks, and over the rounds of a step, of a buffer of gradients, bucket by bucket, while the backward pass
/// goes on.
///
/// In each round every rank leaves the gradients of one micro-batch in the buffer: `begin` a bucket when they are
/// complete, call `progress` now and then (Open MPI moves messages only inside its calls), `finish` at the round's end.
/// The terms are added from the left, round by round and in each in rank order: ((rank 0 + rank 1) + …) of the first
/// round, + rank 0 of the second, and so on. With micro-batch m of the step on rank m mod n in round m div n, that is
/// ((m₀ + m₁) + m₂) + …: the same bits on every rank, in every run, and on any number of ranks, which MPI's own float
/// reductions do not promise.
///
/// **How.** Rank r owns share r of every bucket, whole granules. The others send it their part of it, it adds them in
/// order to what it has; after the last round it sends the sum to all. So each rank sends (n−1)/n of the buffer in every
/// round, and as much again after the last: for one round as much as a ring's. A large bucket goes in pieces, of which a
/// few are on their way at a time, so the room for received gradients stays small. Nothing is allocated after `init`.
///
/// All methods are called from the main thread, on every rank in the same order. Between `begin` and `finish` the
/// bucket's floats are not to be touched; those outside it are.
public final class GradientReduction {
  /// Runs `body` for each piece, on as many threads as there are.
  public typealias ForEach = (_ pieces: Int, _ body: (Int) -> Void) -> Void

  /// Bytes this rank has sent since `init`. In a step of r rounds, for a bucket of c floats of which this rank owns s:
  /// 4 (r (c − s) + (n−1) s), without the last term where sums stay with their owners.
  public private(set) var bytesSent = 0
  /// Seconds spent in `finish` since `init`.
  public private(set) var secondsInFinish = 0.0
  /// Those of `secondsInFinish` in which there was nothing to do but wait for the others.
  public private(set) var secondsWaiting = 0.0
  /// Seconds spent adding since `init`, in `progress` and `begin` as well as in `finish`.
  public private(set) var secondsAdding = 0.0
  /// Bytes allocated for the gradients of other ranks; at most 16 MiB up to 1 025 ranks.
  public var scratchBytes: Int { slots.count * (communicator.size - 1) * pieceCapacity * MemoryLayout<Float>.stride }
  /// Bytes of the sums that wait for the next round.
  public var sumBytes: Int { sums.count * MemoryLayout<Float>.stride }
  /// The ranges of the buffer that are summed as one, in elements.
  public let buckets: [Range<Int>]

  private let communicator: Communicator
  private let buffer: UnsafeMutableBufferPointer<Float>
  private let rounds: Int
  private let gathers: Bool
  private let forEach: ForEach
  private let pieceCapacity: Int
  private let slots: [ReductionSlot]
  /// What this rank owns of the buckets one after another, the sums of the rounds so far; empty where one round is all.
  private let sums: UnsafeMutableBufferPointer<Float>
  /// Where each bucket's part of `sums` starts.
  private let sumStarts: [Int]
  private var round = 0
  /// Where the terms of one addition are, in their order.
  private var terms: [UnsafeMutablePointer<Float>] = []
  /// The buckets begun since the last `finish`, in order.
  private var queue: [Int] = []
  private var isQueued: [Bool]
  /// The next piece to start: of bucket `queue[nextInQueue]`, number `nextPiece`.
  private var nextInQueue = 0
  private var nextPiece = 0
  private var nextSlot = 0
  private var active = 0

  /// Ranks own whole granules of so many floats, so that what is summed over a granule is known to one rank.
  public static let granule = 1024

  /// Most floats in all slots' room for other ranks' gradients: 16 MiB.
  private static let scratchFloats = 4 << 20
  private static let slotCount = 4
  private static let smallestPiece = 1024
  /// Floats that one thread adds at a time.
  private static let floatsAtOnce = 1 << 16

  /// The part of a bucket that `rank` owns.
  public static func share(of bucket: Range<Int>, rank: Int, ranks: Int) -> Range<Int> {
    bucket.slice(rank, of: ranks, granule: granule)
  }

  /// Floats of one piece of a share; 0 where there is nothing to send.
  private static func pieceCapacity(_ buckets: [Range<Int>], ranks: Int) -> Int {
    guard ranks > 1 else { return 0 }
    let largestShare = buckets.map { share(of: $0, rank: 0, ranks: ranks).count }.max() ?? 0
    return min(largestShare, max(smallestPiece, scratchFloats / slotCount / (ranks - 1)))
  }

  /// The bytes that `rank` will allocate: those that `scratchBytes` will say, and the sums of the rounds.
  public static func bytes(buckets: [Range<Int>], ranks: Int, rank: Int = 0, rounds: Int) -> Int {
    let scratch = slotCount * max(0, ranks - 1) * pieceCapacity(buckets, ranks: ranks)
    let sums = rounds > 1 ? buckets.reduce(0) { $0 + share(of: $1, rank: rank, ranks: ranks).count } : 0
    return (scratch + sums) * MemoryLayout<Float>.stride
  }

  /// Plans the sum of `buffer`'s `buckets`. Called on every rank in the same order, with the same arguments.
  ///
  /// - Parameters:
  ///   - buffer: This rank's gradients, then their sum. Belongs to the caller and outlives this object.
  ///   - buckets: Ranges of `buffer` that do not overlap, of any lengths.
  ///   - rounds: How often each bucket is begun and finished before its sum stands in the buffer.
  ///   - gathers: Whether each rank is to have all of the sum; else it has what it owns, and the rest of its buffer is
  ///     of no use.
  ///   - forEach: Shares out the adding.
  /// - Precondition: The buckets lie in the buffer.
  public init(
    communicator: Communicator, buffer: UnsafeMutableBufferPointer<Float>, buckets: [Range<Int>], rounds: Int = 1,
    gathers: Bool = true, forEach: @escaping ForEach = { count, body in for index in 0..<count { body(index) } }
  ) {
    precondition(
      buckets.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= buffer.count }, "a bucket lies outside the buffer")
    precondition(rounds > 0, "a sum of no round")
    self.communicator = communicator
    self.buffer = buffer
    self.buckets = buckets
    self.rounds = rounds
    self.gathers = gathers
    self.forEach = forEach
    isQueued = [Bool](repeating: false, count: buckets.count)
    queue.reserveCapacity(buckets.count)

    let size = communicator.size
    let capacity = Self.pieceCapacity(buckets, ranks: size)
    pieceCapacity = capacity
    let slotCount = capacity > 0 ? Self.slotCount : 0
    let tags = communicator.takeTags(2 * Int32(Self.slotCount))
    slots = (0..<slotCount).map {
      ReductionSlot(communicator: communicator, capacity: capacity, tag: tags + 2 * Int32($0))
    }
    var (starts, end) = ([Int](), 0)
    for bucket in buckets {
      starts.append(end)
      end += Self.share(of: bucket, rank: communicator.rank, ranks: size).count
    }
    sumStarts = starts
    sums = .allocate(capacity: rounds > 1 ? end : 0)
    sums.initialize(repeating: 0)
  }

  deinit { sums.deallocate() }

  /// Starts the sum of bucket number `bucket` in this round. Collective in order, but it does not wait for the other
  /// ranks.
  ///
  /// - Precondition: The bucket has not been begun since the last `finish`.
  /// - Throws: `CommunicationError`.
  public func begin(bucket: Int) throws {
    precondition(!isQueued[bucket], "bucket \(bucket) is already being summed")
    isQueued[bucket] = true
    queue.append(bucket)
    _ = try advance()
  }

  /// Ends a round: waits until this rank's gradients of it may be overwritten; after the last round, until every bucket
  /// begun holds its sum, on this rank. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func finish() throws {
    let start = monotonicSeconds()
    let addingBefore = secondsAdding
    var idle = 0
    while active > 0 || nextInQueue < queue.count {
      if try advance() {
        idle = 0
      } else {
        idle += 1
        // Where ranks share a core, the one that is waited for needs it.
        if idle > 1000 { sched_yield() }
      }
    }
    queue.removeAll(keepingCapacity: true)
    nextInQueue = 0
    for bucket in isQueued.indices { isQueued[bucket] = false }
    round = (round + 1) % rounds
    let seconds = monotonicSeconds() - start
    secondsInFinish += seconds
    secondsWaiting += max(0, seconds - (secondsAdding - addingBefore))
  }

  /// One round over the slots. True where anything moved on.
  private func advance() throws -> Bool {
    if communicator.size == 1 { return addAlone() }
    var moved = try startPieces()
    for slot in slots where slot.phase != .idle {
      guard try slot.hasCompleted() else { continue }
      moved = true
      if slot.phase == .scattering {
        add(bucket: slot.bucket, slot.own) { slot.append(&$0, in: buffer) }
        if round == rounds - 1 && gathers {
          bytesSent += try slot.gather(in: buffer)
          continue
        }
      }
      slot.phase = .idle
      active -= 1
    }
    if moved { _ = try startPieces() }
    return moved
  }

  /// On a single rank there is nothing to wait for.
  private func addAlone() -> Bool {
    while nextInQueue < queue.count {
      let bucket = queue[nextInQueue]
      if let base = buffer.baseAddress {
        add(bucket: bucket, buckets[bucket]) { $0.append(base + buckets[bucket].lowerBound) }
      }
      nextInQueue += 1
    }
    return false
  }

  /// Adds this round's terms of a part of a bucket that this rank owns to the sum of the rounds before: where it stands,
  /// but in the last round in the buffer.
  ///
  /// - Parameter append: appends the terms in rank order, each a pointer to the part.
  private func add(
    bucket: Int, _ own: Range<Int>, _ append: (inout [UnsafeMutablePointer<Float>]) -> Void
  ) {
    guard let base = buffer.baseAddress else { return }
    let start = monotonicSeconds()
    let share = Self.share(of: buckets[bucket], rank: communicator.rank, ranks: communicator.size)
    let running = sums.baseAddress.map { $0 + (sumStarts[bucket] + own.lowerBound - share.lowerBound) }
    terms.removeAll(keepingCapacity: true)
    if round > 0, let running { terms.append(running) }
    append(&terms)
    let isLast = round == rounds - 1
    let destination = isLast ? base + own.lowerBound : running ?? base + own.lowerBound
    if terms.count > 1 || terms[0] != destination {
      terms.withUnsafeBufferPointer { terms in
        forEach((own.count + Self.floatsAtOnce - 1) / Self.floatsAtOnce) { piece in
          let start = piece * Self.floatsAtOnce
          addInOrder(
            terms, from: start, into: destination + start, count: min(Self.floatsAtOnce, own.count - start))
        }
      }
    }
    secondsAdding += monotonicSeconds() - start
  }

  /// Starts pieces in order while the slot whose turn it is is free. The order alone decides which slot, and so which
  /// tag, a piece has: it is the same on every rank.
  private func startPieces() throws -> Bool {
    guard let base = buffer.baseAddress, !slots.isEmpty else {
      nextInQueue = queue.count
      return false
    }
    var started = false
    while nextInQueue < queue.count {
      let number = queue[nextInQueue]
      let bucket = buckets[number]
      let largest = Self.share(of: bucket, rank: 0, ranks: communicator.size).count
      let pieces = (largest + pieceCapacity - 1) / pieceCapacity
      if nextPiece == pieces {
        nextInQueue += 1
        nextPiece = 0
        continue
      }
      let slot = slots[nextSlot]
      guard slot.phase == .idle else { break }
      bytesSent += try slot.scatter(piece: nextPiece, of: pieces, bucket: number, range: bucket, base: base)
      active += 1
      started = true
      nextPiece += 1
      nextSlot = (nextSlot + 1) % slots.count
    }
    return started
  }
}

func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
