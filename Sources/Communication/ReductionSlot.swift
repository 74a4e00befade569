import COpenMPI

/// The communication of one piece of a bucket at a time. A piece consists of one part of each rank's share of the
/// bucket.
///
/// A piece has two phases, each with a message tag. In the scatter phase each rank sends every other rank the gradients
/// of that rank's part and receives the gradients of its own part. The owner of a part then adds them. In the gather
/// phase each owner sends its sum to all other ranks. A slot processes its pieces sequentially, so MPI's ordering of
/// messages with equal tags keeps the pieces apart.
final class ReductionSlot {
  enum Phase { case idle, scattering, gathering }

  var phase = Phase.idle

  private let communicator: Communicator
  private let tag: Int32
  private let peers: Int
  private let capacity: Int
  /// The other ranks' gradients of this rank's part, `capacity` floats per rank.
  private let scratch: UnsafeMutablePointer<Float>
  /// A send request for each other rank, then a receive request for each.
  private let requests: UnsafeMutablePointer<MPI_Request?>
  /// The index of the piece, and the number of pieces of its bucket.
  private var piece = 0
  private var pieces = 1
  /// The bucket's index, and the bucket.
  private(set) var bucketIndex = 0
  private var bucket = 0..<0

  init(communicator: Communicator, capacity: Int, tag: Int32) {
    self.communicator = communicator
    self.capacity = capacity
    self.tag = tag
    peers = communicator.size - 1
    scratch = .allocate(capacity: peers * capacity)
    // Maps the pages now instead of in the first step.
    scratch.initialize(repeating: 0, count: peers * capacity)
    requests = .allocate(capacity: 2 * peers)
    requests.initialize(repeating: mpiRequestNull, count: 2 * peers)
  }

  deinit {
    // After an error MPI may still write to this memory, so it is not freed.
    guard phase == .idle else { return }
    scratch.deallocate()
    requests.deallocate()
  }

  /// Starts the scatter phase of a piece and returns the bytes sent.
  ///
  /// - Parameters:
  ///   - index: the bucket's index.
  ///   - base: the start of the gradient buffer.
  func scatter(
    piece: Int, of pieces: Int, bucket: Range<Int>, index: Int, base: UnsafeMutablePointer<Float>
  ) throws -> Int {
    (self.piece, self.pieces, bucketIndex, self.bucket) = (piece, pieces, index, bucket)
    phase = .scattering
    let ownCount = ownPart.count
    for index in 0..<peers {
      let peer = peer(index)
      try receive(ownCount, into: scratch + index * capacity, from: peer, index: index, tag: tag)
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

  /// The elements of the piece that this rank owns.
  var ownPart: Range<Int> { part(of: communicator.rank) }

  /// Appends pointers to all ranks' gradients of this rank's part, in rank order, after the scatter phase.
  func appendTerms(to terms: inout [UnsafeMutablePointer<Float>], in buffer: UnsafeMutableBufferPointer<Float>) {
    guard let base = buffer.baseAddress else { return }
    for rank in 0..<communicator.size {
      // The inverse of `peer(_:)`.
      let index = (rank - communicator.rank - 1 + communicator.size) % communicator.size
      terms.append(rank == communicator.rank ? base + ownPart.lowerBound : scratch + index * capacity)
    }
  }

  /// Starts the gather phase and returns the bytes sent.
  func gather(in buffer: UnsafeMutableBufferPointer<Float>) throws -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    phase = .gathering
    let ownPart = ownPart
    for index in 0..<peers {
      let peer = peer(index)
      let theirs = part(of: peer)
      try receive(theirs.count, into: base + theirs.lowerBound, from: peer, index: index, tag: tag + 1)
    }
    for index in 0..<peers {
      try send(ownPart.count, from: base + ownPart.lowerBound, to: peer(index), index: index, tag: tag + 1)
    }
    return ownPart.count * peers * MemoryLayout<Float>.stride
  }

  /// Whether all messages of the phase have been sent and received.
  func hasCompleted() throws -> Bool {
    var completed: Int32 = 0
    try check(MPI_Testall(Int32(2 * peers), requests, &completed, nil), "MPI_Testall")
    return completed != 0
  }

  /// The elements of the piece that `rank` owns.
  private func part(of rank: Int) -> Range<Int> {
    GradientReduction.share(of: bucket, rank: rank, ranks: communicator.size).slice(piece, of: pieces)
  }

  /// The other ranks, starting with the next one, so that not all ranks send to rank 0 first.
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
