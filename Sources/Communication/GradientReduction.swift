import COpenMPI
import Glibc

/// Sums the gradients of all ranks, and of all rounds of a training step, bucket by bucket during the backward pass.
///
/// A step has `rounds` rounds: one for each micro-batch of this rank, or one in all. In each round every rank computes
/// gradients in its buffer. Each rank calls `begin` for every bucket as soon as its gradients are complete, and
/// `finish` at the end of the round. Open MPI transfers messages only during MPI calls, so each `begin` also continues
/// the buckets begun before.
///
/// - Bucket: a range of the buffer. Each rank owns one share of it.
/// - Share: the part of a bucket that one rank sums.
/// - Piece: a slice of all shares of a bucket, processed in one slot at a time.
/// - Part: the part of a piece that one rank sums.
///
/// **Order of additions.** The sum of an element is ((rank 0 + rank 1) + …) of the first round, + rank 0 of the second
/// round, and so on. If micro-batch m of the step is computed by rank m mod n in round m div n, that is ((m₀ + m₁) +
/// m₂) + …: bit-identical on every rank, in every run, and for any number of ranks n that divides the number of
/// micro-batches. MPI's reductions of floats do not guarantee this.
///
/// **Algorithm.** Rank r owns share r of every bucket. Shares are cut at multiples of `granule` from the bucket's start
/// (the last granule may be short). In each round the other ranks send the owner their gradients of its share, and it
/// adds them in order to the sum of the earlier rounds. In the last round it sends each piece's sum to all ranks as
/// soon as it is added. Each rank therefore sends (n−1)/n of the buckets in every round, and (n−1)/n again in the last;
/// for one round this is the traffic of a ring all-reduce. A large bucket is divided into pieces, of which at most
/// `slotCount` are in progress at a time (``ReductionSlot``), so the scratch memory for received gradients is small.
/// Nothing is allocated after `init`.
///
/// **Use.** Call all methods on the main thread, and on every rank in the same order. Begin every bucket in every
/// round; exactly `rounds` calls of `finish` make a step. Between `begin` and `finish` the caller must not access the
/// bucket's floats; between rounds it clears the buffer. After a method has thrown an error, the object must not be
/// used again.
public final class GradientReduction {
  /// Calls `body` with each of 0..<`chunks`, possibly on several threads.
  public typealias ForEach = (_ chunks: Int, _ body: (Int) -> Void) -> Void

  /// Bytes that this rank has sent since `init`. A bucket of c floats of which this rank owns s costs
  /// 4 (r (c − s) + (n−1) s) bytes in a step of r rounds; without `gathers`, the last term is 0.
  public private(set) var bytesSent = 0
  /// Seconds spent in `finish` since `init`.
  public private(set) var secondsInFinish = 0.0
  /// Seconds spent in `finish` other than adding: waiting and MPI calls.
  public private(set) var secondsWaiting = 0.0
  /// Seconds spent adding since `init`, in `begin` and in `finish`.
  public private(set) var secondsAdding = 0.0
  /// Bytes of scratch memory for the gradients of other ranks; at most 16 MiB for up to 1 025 ranks.
  public var scratchBytes: Int { slots.count * (communicator.size - 1) * pieceCapacity * MemoryLayout<Float>.stride }
  /// Bytes of memory for the sums of earlier rounds.
  public var sumBytes: Int { sums.count * MemoryLayout<Float>.stride }
  /// The ranges of the buffer that are begun and summed separately, in elements.
  public let buckets: [Range<Int>]

  private let communicator: Communicator
  private let buffer: UnsafeMutableBufferPointer<Float>
  private let rounds: Int
  private let gathers: Bool
  private let forEach: ForEach
  private let pieceCapacity: Int
  private let slots: [ReductionSlot]
  /// The sums of the rounds so far, for this rank's shares of all buckets consecutively; empty if there is only one
  /// round.
  private let sums: UnsafeMutableBufferPointer<Float>
  /// The start of each bucket's share in `sums`.
  private let sumStarts: [Int]
  private var round = 0
  /// Pointers to the terms of one addition, in order.
  private var terms: [UnsafeMutablePointer<Float>] = []
  /// The indices of the buckets begun since the last `finish`, in order.
  private var queue: [Int] = []
  private var isQueued: [Bool]
  /// The next piece to start: piece `nextPiece` of bucket `queue[nextInQueue]`, in slot `nextSlot`. `nextSlot` is never
  /// reset. It is the same on all ranks, because they start the same pieces in the same order.
  private var nextInQueue = 0
  private var nextPiece = 0
  private var nextSlot = 0
  /// The number of slots that are not idle.
  private var active = 0

  /// Shares consist of whole granules of this many floats. One rank can then compute the sum over a granule, for norms
  /// whose bits do not depend on the number of ranks.
  public static let granule = 1024

  /// The maximum scratch memory of all slots together, in floats: 16 MiB.
  private static let scratchFloats = 4 << 20
  private static let slotCount = 4
  private static let smallestPiece = 1024
  /// The number of floats that one thread adds at a time.
  private static let floatsPerAddition = 1 << 16

  /// The share of a bucket that `rank` owns. Rank 0's is the largest.
  public static func share(of bucket: Range<Int>, rank: Int, ranks: Int) -> Range<Int> {
    bucket.slice(rank, of: ranks, granule: granule)
  }

  /// The maximum number of floats of one rank's part of a piece; 0 if nothing is sent.
  private static func pieceCapacity(_ buckets: [Range<Int>], ranks: Int) -> Int {
    guard ranks > 1 else { return 0 }
    let largestShare = buckets.map { share(of: $0, rank: 0, ranks: ranks).count }.max() ?? 0
    return min(largestShare, max(smallestPiece, scratchFloats / slotCount / (ranks - 1)))
  }

  /// Bytes of memory that `rank` will allocate: `scratchBytes` and `sumBytes`.
  public static func bytes(buckets: [Range<Int>], ranks: Int, rank: Int = 0, rounds: Int) -> Int {
    let scratch = slotCount * max(0, ranks - 1) * pieceCapacity(buckets, ranks: ranks)
    let sums = rounds > 1 ? buckets.reduce(0) { $0 + share(of: $1, rank: rank, ranks: ranks).count } : 0
    return (scratch + sums) * MemoryLayout<Float>.stride
  }

  /// Prepares the reduction of `buffer`'s `buckets`. Every rank calls it in the same order with the same buckets,
  /// rounds and gathers.
  ///
  /// - Parameters:
  ///   - buffer: This rank's gradients, which are overwritten by the sum. The caller owns it and keeps it longer than
  ///     this object.
  ///   - buckets: Ranges of `buffer` that do not overlap, of any lengths.
  ///   - rounds: The number of rounds of a training step: one for each micro-batch of this rank, or one in all.
  ///   - gathers: Whether every rank receives the whole sum. If not, each rank's buffer holds only the sums of its own
  ///     shares, and the rest of the buffer is not summed.
  ///   - forEach: Runs the additions, possibly on several threads.
  /// - Precondition: The buckets are ranges of the buffer.
  public init(
    communicator: Communicator, buffer: UnsafeMutableBufferPointer<Float>, buckets: [Range<Int>], rounds: Int = 1,
    gathers: Bool = true, forEach: @escaping ForEach = { count, body in for index in 0..<count { body(index) } }
  ) {
    precondition(
      buckets.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= buffer.count }, "a bucket is outside the buffer")
    precondition(rounds > 0, "a step needs at least one round")
    self.communicator = communicator
    self.buffer = buffer
    self.buckets = buckets
    self.rounds = rounds
    self.gathers = gathers
    self.forEach = forEach
    isQueued = [Bool](repeating: false, count: buckets.count)
    queue.reserveCapacity(buckets.count)

    let size = communicator.size
    // One term per rank, and the sum of the earlier rounds.
    terms.reserveCapacity(size + 1)
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

  /// Queues the bucket `buckets[index]` to be summed in this round. Every rank begins buckets in the same order, but
  /// does not wait for the others.
  ///
  /// - Precondition: The bucket has not been begun since the last `finish`.
  /// - Throws: `CommunicationError`.
  public func begin(bucket index: Int) throws {
    precondition(!isQueued[index], "bucket \(index) is already being summed")
    isQueued[index] = true
    queue.append(index)
    _ = try advance()
  }

  /// Ends a round: waits until the caller may overwrite this rank's gradients and, in the last round, until all buckets
  /// begun hold their sums on this rank. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func finish() throws {
    let start = monotonicSeconds()
    let addingBefore = secondsAdding
    var idlePolls = 0
    while active > 0 || nextInQueue < queue.count {
      if try advance() {
        idlePolls = 0
      } else {
        idlePolls += 1
        // If ranks share a core, the rank that this one waits for needs it.
        if idlePolls > 1000 { sched_yield() }
      }
    }
    queue.removeAll(keepingCapacity: true)
    nextInQueue = 0
    for index in isQueued.indices { isQueued[index] = false }
    round = (round + 1) % rounds
    let seconds = monotonicSeconds() - start
    secondsInFinish += seconds
    secondsWaiting += max(0, seconds - (secondsAdding - addingBefore))
  }

  /// Polls all slots once: adds gradients that have arrived, and starts new messages. Returns whether anything
  /// progressed.
  private func advance() throws -> Bool {
    if communicator.size == 1 { return addAlone() }
    var progressed = try startPieces()
    for slot in slots where slot.phase != .idle {
      guard try slot.hasCompleted() else { continue }
      progressed = true
      if slot.phase == .scattering {
        add(bucket: slot.bucketIndex, slot.ownPart) { slot.appendTerms(to: &$0, in: buffer) }
        if round == rounds - 1 && gathers {
          bytesSent += try slot.gather(in: buffer)
          continue
        }
      }
      slot.phase = .idle
      active -= 1
    }
    if progressed { _ = try startPieces() }
    return progressed
  }

  /// Adds the begun buckets on a single rank, which has no messages to wait for.
  private func addAlone() -> Bool {
    while nextInQueue < queue.count {
      let index = queue[nextInQueue]
      if let base = buffer.baseAddress {
        add(bucket: index, buckets[index]) { $0.append(base + buckets[index].lowerBound) }
      }
      nextInQueue += 1
    }
    return false
  }

  /// Adds this round's terms of a part of this rank's share to the sum of the earlier rounds. The result is stored in
  /// `sums`, in the last round in `buffer`.
  ///
  /// - Parameters:
  ///   - index: the bucket's index.
  ///   - own: the part, in elements of the buffer.
  ///   - append: appends a pointer to each rank's terms, in rank order.
  private func add(
    bucket index: Int, _ own: Range<Int>, _ append: (inout [UnsafeMutablePointer<Float>]) -> Void
  ) {
    guard let base = buffer.baseAddress else { return }
    let start = monotonicSeconds()
    let share = Self.share(of: buckets[index], rank: communicator.rank, ranks: communicator.size)
    let earlierSum = sums.baseAddress.map { $0 + (sumStarts[index] + own.lowerBound - share.lowerBound) }
    terms.removeAll(keepingCapacity: true)
    if round > 0, let earlierSum { terms.append(earlierSum) }
    append(&terms)
    let isLast = round == rounds - 1
    let destination = isLast ? base + own.lowerBound : earlierSum ?? base + own.lowerBound
    if terms.count > 1 || terms[0] != destination {
      terms.withUnsafeBufferPointer { terms in
        forEach((own.count + Self.floatsPerAddition - 1) / Self.floatsPerAddition) { chunk in
          let start = chunk * Self.floatsPerAddition
          addInOrder(
            terms, from: start, into: destination + start, count: min(Self.floatsPerAddition, own.count - start))
        }
      }
    }
    secondsAdding += monotonicSeconds() - start
  }

  /// Starts pieces in order while the next slot is idle. Slots are used cyclically, so a piece has the same slot, and
  /// thus the same tag, on every rank.
  private func startPieces() throws -> Bool {
    guard let base = buffer.baseAddress, !slots.isEmpty else {
      nextInQueue = queue.count
      return false
    }
    var started = false
    while nextInQueue < queue.count {
      let index = queue[nextInQueue]
      let bucket = buckets[index]
      let largest = Self.share(of: bucket, rank: 0, ranks: communicator.size).count
      let pieces = (largest + pieceCapacity - 1) / pieceCapacity
      if nextPiece == pieces {
        nextInQueue += 1
        nextPiece = 0
        continue
      }
      let slot = slots[nextSlot]
      guard slot.phase == .idle else { break }
      bytesSent += try slot.scatter(piece: nextPiece, of: pieces, bucket: bucket, index: index, base: base)
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
