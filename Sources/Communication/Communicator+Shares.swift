import COpenMPI

// MARK: From one rank to one

extension Communicator {
  /// The most floats of one MPI call: counts are 32-bit.
  private static var largestPiece: Int { 1 << 28 }

  private static var tag: Int32 { phd_mpi_tag_upper_bound() }

  /// Sends floats to one rank, which receives as many. Not collective.
  ///
  /// - Throws: `CommunicationError`.
  public func send(_ floats: UnsafeBufferPointer<Float>, to rank: Int) throws {
    guard let base = floats.baseAddress else { return }
    for start in stride(from: 0, to: floats.count, by: Self.largestPiece) {
      let count = Int32(min(Self.largestPiece, floats.count - start))
      try check(MPI_Send(base + start, count, mpiFloat, Int32(rank), Self.tag, pointToPoint), "MPI_Send")
    }
  }

  /// Receives floats from one rank, which sends as many. Not collective.
  ///
  /// - Throws: `CommunicationError`.
  public func receive(_ floats: UnsafeMutableBufferPointer<Float>, from rank: Int) throws {
    guard let base = floats.baseAddress else { return }
    for start in stride(from: 0, to: floats.count, by: Self.largestPiece) {
      let count = Int32(min(Self.largestPiece, floats.count - start))
      try check(MPI_Recv(base + start, count, mpiFloat, Int32(rank), Self.tag, pointToPoint, nil), "MPI_Recv")
    }
  }
}

// MARK: From all ranks to all

extension Communicator {
  /// Gives every rank all of some floats, of which each rank has its share. Collective.
  ///
  /// - Parameters:
  ///   - shares: of each rank, consecutive ranges of `floats`; the same on every rank.
  ///   - floats: as many on every rank.
  /// - Returns: the bytes that this rank has sent, one copy to each other rank.
  /// - Throws: `CommunicationError`.
  public func gather(_ shares: [Range<Int>], in floats: UnsafeMutableBufferPointer<Float>) throws -> Int {
    precondition(shares.count == size, "\(shares.count) shares for \(size) ranks")
    guard size > 1, let base = floats.baseAddress, let first = shares.first, let last = shares.last else { return 0 }
    precondition(first.lowerBound >= 0 && last.upperBound <= floats.count, "shares outside of their buffer")
    if last.upperBound - first.lowerBound > Int(Int32.max) {
      for (rank, share) in shares.enumerated() {
        try broadcast(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: floats[share])), from: rank)
      }
    } else {
      let counts = shares.map { Int32($0.count) }
      let starts = shares.map { Int32($0.lowerBound - first.lowerBound) }
      try check(
        MPI_Allgatherv(mpiInPlace, 0, mpiFloat, base + first.lowerBound, counts, starts, mpiFloat, world),
        "MPI_Allgatherv")
    }
    return shares[rank].count * (size - 1) * MemoryLayout<Float>.stride
  }
}
