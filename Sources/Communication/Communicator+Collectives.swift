import COpenMPI

// MARK: From one rank to all

extension Communicator {
  /// The maximum number of bytes of one MPI call, whose counts are 32-bit.
  private static var bytesPerCall: Int { 1 << 30 }

  /// Overwrites `buffer` on every rank with the buffer of rank `root`. Collective; any number of bytes, the same on all
  /// ranks.
  ///
  /// - Throws: `CommunicationError`.
  public func broadcast(_ buffer: UnsafeMutableRawBufferPointer, from root: Int = 0) throws {
    guard size > 1, let base = buffer.baseAddress else { return }
    var offset = 0
    while offset < buffer.count {
      let count = min(Self.bytesPerCall, buffer.count - offset)
      try check(MPI_Bcast(base + offset, Int32(count), mpiByte, Int32(root), world), "MPI_Bcast")
      offset += count
    }
  }

  /// Returns rank `root`'s `bytes` on every rank; the argument of other ranks is ignored. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func broadcast(_ bytes: [UInt8], from root: Int = 0) throws -> [UInt8] { try broadcast(all: bytes, root) }

  /// Returns rank `root`'s `words` on every rank; the argument of other ranks is ignored. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func broadcast(_ words: [UInt64], from root: Int = 0) throws -> [UInt64] { try broadcast(all: words, root) }

  private func broadcast<Element: FixedWidthInteger>(all elements: [Element], _ root: Int) throws -> [Element] {
    let count = Int(try broadcast(Int64(elements.count), from: root))
    var result = rank == root ? elements : [Element](repeating: 0, count: count)
    try result.withUnsafeMutableBytes { try broadcast($0, from: root) }
    return result
  }

  /// Returns rank `root`'s `string` on every rank. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func broadcast(_ string: String, from root: Int = 0) throws -> String {
    String(decoding: try broadcast(Array(string.utf8), from: root), as: UTF8.self)
  }

  /// Returns rank `root`'s `value` on every rank. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func broadcast(_ value: Int64, from root: Int = 0) throws -> Int64 {
    var value = value
    try withUnsafeMutableBytes(of: &value) { try broadcast($0, from: root) }
    return value
  }
}

// MARK: From all ranks to all

extension Communicator {
  /// Returns every rank's `values`: `result[rank]`. Collective; the same number of values on every rank.
  ///
  /// - Throws: `CommunicationError`.
  public func allGather(_ values: [Int64]) throws -> [[Int64]] {
    try allGather(values, type: mpiInt64, zero: 0)
  }

  /// Returns every rank's `values`: `result[rank]`. Collective; the same number of values on every rank.
  ///
  /// - Throws: `CommunicationError`.
  public func allGather(_ values: [Double]) throws -> [[Double]] {
    try allGather(values, type: mpiDouble, zero: 0)
  }

  /// Returns every rank's `string`, of any length: `result[rank]`. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func allGather(_ string: String) throws -> [String] {
    try (0..<size).map { try broadcast(string, from: $0) }
  }

  /// The least `value` of all ranks. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func minimum(_ value: Int64) throws -> Int64 {
    try reduced(value, type: mpiInt64, by: mpiMinimum)
  }

  /// The greatest `value` of all ranks. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func maximum(_ value: Int64) throws -> Int64 {
    try reduced(value, type: mpiInt64, by: mpiMaximum)
  }

  /// The greatest `value` of all ranks, NaN if any is NaN (`MPI_MAX` may ignore NaN). Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func maximum(_ value: Double) throws -> Double {
    try allGather([value]).joined().reduce(-.infinity) { $1.isNaN || $0.isNaN ? .nan : max($0, $1) }
  }

  /// The bitwise or of all ranks' `value`. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func bitwiseOr(_ value: UInt64) throws -> UInt64 {
    try reduced(value, type: mpiUInt64, by: mpiBitwiseOr)
  }

  /// Whether `condition` is true on every rank. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func all(_ condition: Bool) throws -> Bool { try bitwiseOr(condition ? 0 : 1) == 0 }

  /// The sum of all ranks' `value`, wrapping around. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func sum(_ value: Int64) throws -> Int64 {
    try reduced(value, type: mpiInt64, by: mpiSum)
  }

  /// The sums over ranks of `values`, element by element, added in rank order, so that the result has the same bits on
  /// every rank and in every run. Collective; the same number of values on every rank.
  ///
  /// - Throws: `CommunicationError`.
  public func sum(_ values: [Double]) throws -> [Double] {
    var result = values
    try result.withUnsafeMutableBufferPointer { try sum(inPlace: $0) }
    return result
  }

  /// Like `sum(_: [Double])`, for one value. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func sum(_ value: Double) throws -> Double {
    var result = value
    try withUnsafeMutablePointer(to: &result) { try sum(inPlace: UnsafeMutableBufferPointer(start: $0, count: 1)) }
    return result
  }

  /// Combines `values` of which each rank has set its own elements and left all others 0. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func combine(disjoint values: UnsafeMutableBufferPointer<Double>) throws {
    guard size > 1, let base = values.baseAddress else { return }
    // At most one term of each sum is not zero, so the order in which MPI adds does not matter.
    try check(
      MPI_Allreduce(mpiInPlace, base, Int32(values.count), mpiDouble, mpiSum, world), "MPI_Allreduce")
  }

  /// Like `sum(_: [Double])`, in place. Allocates memory only in the first call with so many values. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func sum(inPlace values: UnsafeMutableBufferPointer<Double>) throws {
    let count = values.count
    guard size > 1, count > 0 else { return }
    if gathered.count < count * size { gathered = [Double](repeating: 0, count: count * size) }
    try gathered.withUnsafeMutableBufferPointer { terms in
      try check(
        MPI_Allgather(
          values.baseAddress, Int32(count), mpiDouble, terms.baseAddress, Int32(count), mpiDouble, world),
        "MPI_Allgather")
      for index in 0..<count {
        var total = terms[index]
        for rank in 1..<size { total += terms[rank * count + index] }
        values[index] = total
      }
    }
  }

  /// Copies each rank's share of `floats` to all other ranks. Collective.
  ///
  /// - Parameters:
  ///   - shares: for each rank, its range of `floats`. The ranges are consecutive and the same on every rank.
  ///   - floats: a buffer of the same size on every rank.
  /// - Returns: the bytes that this rank has sent, counting a copy for each other rank.
  /// - Throws: `CommunicationError`.
  public func allGather(_ shares: [Range<Int>], in floats: UnsafeMutableBufferPointer<Float>) throws -> Int {
    precondition(shares.count == size, "\(shares.count) shares for \(size) ranks")
    guard size > 1, let base = floats.baseAddress, let first = shares.first, let last = shares.last else { return 0 }
    precondition(first.lowerBound >= 0 && last.upperBound <= floats.count, "a share is outside the buffer")
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

  private func allGather<Value>(_ values: [Value], type: MPI_Datatype?, zero: Value) throws -> [[Value]] {
    guard size > 1 else { return [values] }
    let count = values.count
    var all = [Value](repeating: zero, count: count * size)
    try values.withUnsafeBytes { own in
      try all.withUnsafeMutableBytes { all in
        try check(
          MPI_Allgather(own.baseAddress, Int32(count), type, all.baseAddress, Int32(count), type, world),
          "MPI_Allgather")
      }
    }
    return (0..<size).map { Array(all[$0 * count..<($0 + 1) * count]) }
  }

  private func reduced<Value>(_ value: Value, type: MPI_Datatype?, by operation: MPI_Op?) throws -> Value {
    guard size > 1 else { return value }
    var result = value
    try withUnsafeMutablePointer(to: &result) {
      try check(MPI_Allreduce(mpiInPlace, $0, 1, type, operation, world), "MPI_Allreduce")
    }
    return result
  }
}
