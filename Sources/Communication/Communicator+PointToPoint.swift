import COpenMPI

extension Communicator {
  /// The maximum number of floats of one MPI call, whose counts are 32-bit.
  private static var floatsPerCall: Int { 1 << 28 }

  /// A tag that ``takeTags(_:)`` never reserves.
  private static var tag: Int32 { phd_mpi_tag_upper_bound() }

  /// Sends floats to one rank, which must call ``receive(_:from:)`` with the same count. Not collective.
  ///
  /// - Throws: `CommunicationError`.
  public func send(_ floats: UnsafeBufferPointer<Float>, to rank: Int) throws {
    guard let base = floats.baseAddress else { return }
    for start in stride(from: 0, to: floats.count, by: Self.floatsPerCall) {
      let count = Int32(min(Self.floatsPerCall, floats.count - start))
      try check(MPI_Send(base + start, count, mpiFloat, Int32(rank), Self.tag, pointToPoint), "MPI_Send")
    }
  }

  /// Receives floats from one rank, which must call ``send(_:to:)`` with the same count. Not collective.
  ///
  /// - Throws: `CommunicationError`.
  public func receive(_ floats: UnsafeMutableBufferPointer<Float>, from rank: Int) throws {
    guard let base = floats.baseAddress else { return }
    for start in stride(from: 0, to: floats.count, by: Self.floatsPerCall) {
      let count = Int32(min(Self.floatsPerCall, floats.count - start))
      try check(MPI_Recv(base + start, count, mpiFloat, Int32(rank), Self.tag, pointToPoint, nil), "MPI_Recv")
    }
  }
}
