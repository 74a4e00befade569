/// Σ x² of each of many pieces of a flat buffer, where each of several processes may know some of the pieces.
struct SquareSums: Sendable {
  /// Where each piece starts, and how many floats it has; few enough to be summed as floats without loss that matters.
  private let pieces: [(start: Int, count: Int)]
  private let sums: Buffer

  /// Pieces of one piece of work.
  private static let atOnce = 64

  init(_ pieces: [Range<Int>]) {
    self.pieces = pieces.map { ($0.lowerBound, $0.count) }
    sums = Buffer(count: 2 * pieces.count)
  }

  /// The sum of each piece.
  ///
  /// - Parameters:
  ///   - known: ascending ranges of whole pieces; nil for all.
  ///   - combine: fills in the sums of the pieces that are not known, which are 0.
  /// - Returns: what is there until the next call.
  func callAsFunction(
    _ buffer: UnsafeMutableBufferPointer<Float>, within known: [Range<Int>]?, on team: ThreadTeam,
    combine: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) rethrows -> UnsafeMutableBufferPointer<Double> {
    let start = UnsafeMutableRawPointer(sums.pointer).assumingMemoryBound(to: Double.self)
    let sums = UnsafeMutableBufferPointer(start: start, count: pieces.count)
    guard let x = buffer.baseAddress, !pieces.isEmpty else { return sums }
    team.forEach((pieces.count + SquareSums.atOnce - 1) / SquareSums.atOnce) { work, _ in
      for index in work * SquareSums.atOnce..<min(pieces.count, (work + 1) * SquareSums.atOnce) {
        let (start, count) = pieces[index]
        precondition(start + count <= buffer.count, "a buffer of \(buffer.count) floats")
        let isKnown = known.map { SquareSums.contains($0, start) } ?? true
        sums[index] = isKnown ? Double(dot(x + start, x + start, count: count)) : 0
      }
    }
    try combine(sums)
    return sums
  }

  /// Whether one of ascending ranges contains a place.
  private static func contains(_ ranges: [Range<Int>], _ place: Int) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= place { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(place)
  }
}

/// `part` in pieces of `granule` floats from its start.
func granules(of part: Range<Int>, _ granule: Int) -> [Range<Int>] {
  stride(from: part.lowerBound, to: part.upperBound, by: granule).map { $0..<min($0 + granule, part.upperBound) }
}
