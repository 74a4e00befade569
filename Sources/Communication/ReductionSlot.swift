import COpenMPI

/// One piece of a bucket on its way: of each rank's slice, the same part.
///
/// A piece is scattered (each rank sends the others their parts of it, and receives its own part from them), added up by
/// its owners, and gathered (each owner sends the sum to the others). The two have a tag each. Pieces come to a slot one
/// after another, so that MPI's order of messages keeps those of one slot apart.
final class ReductionSlot {
  enum Phase { case idle, scattering, gathering }

  var phase = Phase.idle

  private let communicator: Communicator
  private let tag: Int32
  private let peers: Int
  private let capacity: Int
  /// The other ranks' gradients of the part that this rank owns, `capacity` floats each.
  private let scratch: UnsafeMutablePointer<Float>
  /// Sends, then receives: one of each for every other rank.
  private let requests: UnsafeMutablePointer<MPI_Request?>
  private var piece = 0
  private var pieces = 1
  /// The number of the bucket that the piece is of, and its range in the buffer.
  private(set) var bucket = 0
  private var range = 0..<0

  init(communicator: Communicator, capacity: Int, tag: Int32) {
    self.communicator = communicator
    self.capacity = capacity
    self.tag = tag
    peers = communicator.size - 1
    scratch = .allocate(capacity: peers * capacity)
    // Touched here, so that the first step is not the one that pays for the pages.
    scratch.initialize(repeating: 0, count: peers * capacity)
    requests = .allocate(capacity: 2 * peers)
    requests.initialize(repeating: mpiRequestNull, count: 2 * peers)
  }

  deinit {
    // After an error MPI may still be writing here: then the room is left to the end of the process.
    guard phase == .idle else { return }
    scratch.deallocate()
    requests.deallocate()
  }

  /// Starts to send and receive; returns the bytes sent.
  func scatter(
    piece: Int, of pieces: Int, bucket: Int, range: Range<Int>, base: UnsafeMutablePointer<Float>
  ) throws -> Int {
    (self.piece, self.pieces, self.bucket, self.range) = (piece, pieces, bucket, range)
    phase = .scattering
    let own = own.count
    for index in 0..<peers {
      let peer = peer(index)
      try receive(own, into: scratch + index * capacity, from: peer, index: index, tag: tag)
    }
    var sent = 0
    for index in 0..<peers {
      let peer = peer(index)
      let theirs = part(of: peer)
      try send(theirs.count, from: base + theirs.lowerBound, to: peer, index: index, tag: tag)
      sent += theirs.count
    }
    return sent * MemoryLayout<Float>.stride
  }

  /// The part of the piece that this rank owns, in the buffer.
  var own: Range<Int> { part(of: communicator.rank) }

  /// Appends where all ranks' gradients of that part are, in rank order, when the scatter has completed.
  func append(_ terms: inout [UnsafeMutablePointer<Float>], in buffer: UnsafeMutableBufferPointer<Float>) {
    guard let base = buffer.baseAddress else { return }
    for rank in 0..<communicator.size {
      // The inverse of `peer`.
      let index = (rank - communicator.rank - 1 + communicator.size) % communicator.size
      terms.append(rank == communicator.rank ? base + own.lowerBound : scratch + index * capacity)
    }
  }

  /// Starts to send this rank's sum and to receive the others'; returns the bytes sent.
  func gather(in buffer: UnsafeMutableBufferPointer<Float>) throws -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    phase = .gathering
    let own = own
    for index in 0..<peers {
      let peer = peer(index)
      let theirs = part(of: peer)
      try receive(theirs.count, into: base + theirs.lowerBound, from: peer, index: index, tag: tag + 1)
    }
    for index in 0..<peers {
      try send(own.count, from: base + own.lowerBound, to: peer(index), index: index, tag: tag + 1)
    }
    return own.count * peers * MemoryLayout<Float>.stride
  }

  /// True when every message of the phase has come and gone.
  func hasCompleted() throws -> Bool {
    var completed: Int32 = 0
    try check(MPI_Testall(Int32(2 * peers), requests, &completed, nil), "MPI_Testall")
    return completed != 0
  }

  /// The elements of the buffer that `rank` owns of this piece.
  private func part(of rank: Int) -> Range<Int> {
    GradientReduction.share(of: range, rank: rank, ranks: communicator.size).slice(piece, of: pieces)
  }

  /// The other ranks, each beginning with the one after it, so that they don't all send to rank 0 first.
  private func peer(_ index: Int) -> Int {
    (communicator.rank + 1 + index) % communicator.size
  }

  private func send(
    _ count: Int, from start: UnsafeMutablePointer<Float>, to peer: Int, index: Int, tag: Int32
  ) throws {
    guard count > 0 else { return }
    try check(
      MPI_Isend(start, Int32(count), mpiFloat, Int32(peer), tag, communicator.pointToPoint, requests + index),
      "MPI_Isend")
  }

  private func receive(
    _ count: Int, into start: UnsafeMutablePointer<Float>, from peer: Int, index: Int, tag: Int32
  ) throws {
    guard count > 0 else { return }
    try check(
      MPI_Irecv(start, Int32(count), mpiFloat, Int32(peer), tag, communicator.pointToPoint, requests + peers + index),
      "MPI_Irecv")
  }
}
