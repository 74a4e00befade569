import COpenMPI
import Glibc

/// The sum over ranks of a buffer of gradients, bucket by bucket, while the backward pass goes on.
///
/// `begin` a bucket when its gradients are complete, call `progress` now and then (Open MPI moves messages only inside
/// its calls), `finish` before the gradients are used. Then every rank's buffer holds the sum in rank order,
/// ((rank 0 + rank 1) + rank 2) + …: the same bits on every rank and in every run, which MPI's own float reductions
/// do not promise.
///
/// **How.** Rank r owns slice r of `size` of every bucket. The others send it their share of it, it adds them up in rank
/// order and sends the sum to all: 2(n−1)/n of the buffer out of each rank, as much as a ring's. A large bucket goes in
/// pieces, of which a few are on their way at a time, so the room for received gradients stays small. Nothing is
/// allocated after `init`.
///
/// All methods are called from the main thread, on every rank in the same order. Between `begin` and `finish` the
/// bucket's floats are not to be touched; those outside it are. On a single rank there is nothing to do, nor done.
public final class GradientReduction {
  /// Bytes this rank has sent since `init`. A bucket of c floats, s of which this rank owns: 4 (c − s + (n−1) s).
  public private(set) var bytesSent = 0
  /// Seconds spent in `finish` since `init`.
  public private(set) var secondsInFinish = 0.0
  /// Those of `secondsInFinish` in which there was nothing to do but wait for the others.
  public private(set) var secondsWaiting = 0.0
  /// Seconds spent adding since `init`, in `progress` and `begin` as well as in `finish`.
  public private(set) var secondsAdding = 0.0
  /// Bytes allocated for the gradients of other ranks; at most 16 MiB up to 1 025 ranks.
  public var scratchBytes: Int { slots.count * (communicator.size - 1) * pieceCapacity * MemoryLayout<Float>.stride }
  /// The ranges of the buffer that are summed as one, in elements.
  public let buckets: [Range<Int>]

  private let communicator: Communicator
  private let buffer: UnsafeMutableBufferPointer<Float>
  private let pieceCapacity: Int
  private let slots: [ReductionSlot]
  /// The buckets begun since the last `finish`, in order.
  private var queue: [Int] = []
  private var isQueued: [Bool]
  /// The next piece to start: of bucket `queue[nextInQueue]`, number `nextPiece`.
  private var nextInQueue = 0
  private var nextPiece = 0
  private var nextSlot = 0
  private var active = 0

  /// Most floats in all slots' room for other ranks' gradients: 16 MiB.
  private static let scratchFloats = 4 << 20
  private static let slotCount = 4
  private static let smallestPiece = 1024

  /// Floats of one piece of a slice; 0 where there is nothing to send.
  private static func pieceCapacity(_ buckets: [Range<Int>], ranks: Int) -> Int {
    guard ranks > 1 else { return 0 }
    let largestSlice = buckets.map { $0.slice(0, of: ranks).count }.max() ?? 0
    return min(largestSlice, max(smallestPiece, scratchFloats / slotCount / (ranks - 1)))
  }

  /// The bytes that `scratchBytes` will say, known before there are any ranks.
  public static func scratchBytes(buckets: [Range<Int>], ranks: Int) -> Int {
    slotCount * max(0, ranks - 1) * pieceCapacity(buckets, ranks: ranks) * MemoryLayout<Float>.stride
  }

  /// Plans the sum of `buffer`'s `buckets`. Called on every rank in the same order, with the same buckets.
  ///
  /// - Parameters:
  ///   - buffer: This rank's gradients, then their sum. Belongs to the caller and outlives this object.
  ///   - buckets: Ranges of `buffer` that do not overlap, of any lengths.
  /// - Precondition: The buckets lie in the buffer.
  public init(communicator: Communicator, buffer: UnsafeMutableBufferPointer<Float>, buckets: [Range<Int>]) {
    precondition(
      buckets.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= buffer.count }, "a bucket lies outside the buffer")
    self.communicator = communicator
    self.buffer = buffer
    self.buckets = buckets
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
  }

  /// Starts the sum of bucket number `bucket`. Collective in order, but it does not wait for the other ranks.
  ///
  /// - Precondition: The bucket has not been begun since the last `finish`.
  /// - Throws: `CommunicationError`.
  public func begin(bucket: Int) throws {
    precondition(!isQueued[bucket], "bucket \(bucket) is already being summed")
    isQueued[bucket] = true
    queue.append(bucket)
    _ = try advance()
  }

  /// Moves messages on and adds what has arrived. Cheap; at any time, any number of times.
  ///
  /// - Throws: `CommunicationError`.
  public func progress() throws {
    _ = try advance()
  }

  /// Waits until every bucket begun holds its sum, on this rank. Collective.
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
    let seconds = monotonicSeconds() - start
    secondsInFinish += seconds
    secondsWaiting += max(0, seconds - (secondsAdding - addingBefore))
  }

  /// One round over the slots. True where anything moved on.
  private func advance() throws -> Bool {
    var moved = try startPieces()
    for slot in slots where slot.phase != .idle {
      guard try slot.hasCompleted() else { continue }
      moved = true
      if slot.phase == .scattering {
        let start = monotonicSeconds()
        slot.add(in: buffer)
        secondsAdding += monotonicSeconds() - start
        bytesSent += try slot.gather(in: buffer)
      } else {
        slot.phase = .idle
        active -= 1
      }
    }
    if moved { _ = try startPieces() }
    return moved
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
      let bucket = buckets[queue[nextInQueue]]
      let pieces = (bucket.slice(0, of: communicator.size).count + pieceCapacity - 1) / pieceCapacity
      if nextPiece == pieces {
        nextInQueue += 1
        nextPiece = 0
        continue
      }
      let slot = slots[nextSlot]
      guard slot.phase == .idle else { break }
      bytesSent += try slot.scatter(piece: nextPiece, of: pieces, bucket: bucket, base: base)
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
