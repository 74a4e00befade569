import Tensors

/// Σ x² of each of many pieces of a flat buffer. Each of several processes may have only some of the pieces.
struct SquareSums: Sendable {
  /// The start of each piece, and its number of floats: few enough that their fp32 sum is accurate.
  private let pieces: [(start: Int, count: Int)]
  private let sums: Buffer

  /// The number of pieces that a thread sums in one piece of work.
  private static let piecesPerWork = 64

  init(_ pieces: [Range<Int>]) {
    self.pieces = pieces.map { ($0.lowerBound, $0.count) }
    sums = Buffer(count: 2 * pieces.count)
  }

  /// The sum of each piece.
  ///
  /// - Parameters:
  ///   - known: the ranges of whole pieces that this process has, ascending; nil for all.
  ///   - combine: fills in the sums of the other pieces, which are 0.
  /// - Returns: memory that is valid until the next call.
  func callAsFunction(
    _ buffer: UnsafeMutableBufferPointer<Float>, within known: [Range<Int>]?, on team: ThreadTeam,
    combine: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) rethrows -> UnsafeMutableBufferPointer<Double> {
    let start = UnsafeMutableRawPointer(sums.pointer).assumingMemoryBound(to: Double.self)
    let sums = UnsafeMutableBufferPointer(start: start, count: pieces.count)
    guard let x = buffer.baseAddress, !pieces.isEmpty else { return sums }
    team.forEach((pieces.count + SquareSums.piecesPerWork - 1) / SquareSums.piecesPerWork) { work, _ in
      for index in work * SquareSums.piecesPerWork..<min(pieces.count, (work + 1) * SquareSums.piecesPerWork) {
        let (start, count) = pieces[index]
        precondition(start + count <= buffer.count, "a buffer of \(buffer.count) floats")
        let isKnown = known.map { SquareSums.contains($0, start) } ?? true
        sums[index] = isKnown ? Double(kernels.vectors.dot(x + start, x + start, count: count)) : 0
      }
    }
    try combine(sums)
    return sums
  }

  /// Whether one of ascending ranges contains an index.
  private static func contains(_ ranges: [Range<Int>], _ index: Int) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= index { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(index)
  }
}

/// `part`, cut into pieces of `granule` floats from its start.
func granules(of part: Range<Int>, _ granule: Int) -> [Range<Int>] {
  stride(from: part.lowerBound, to: part.upperBound, by: granule).map { $0..<min($0 + granule, part.upperBound) }
}
