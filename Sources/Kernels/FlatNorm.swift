/// The norm of a flat buffer, summed in an order that its parts alone fix: each part in granules from its start, each
/// granule's squares by themselves, and then granule after granule.
public struct FlatNorm: Sendable {
  /// Where each granule starts, and how many floats it has.
  private let granules: [(start: Int, count: Int)]
  private let partials: Buffer

  /// Granules of one piece of work.
  private static let atOnce = 64

  /// - Parameters:
  ///   - parts: of the buffers whose norms will be asked for.
  ///   - granule: floats of a granule; few enough to be summed as floats without loss that matters.
  public init(parts: [Range<Int>], granule: Int) {
    granules = parts.flatMap { part in
      stride(from: part.lowerBound, to: part.upperBound, by: granule).map { ($0, min(granule, part.upperBound - $0)) }
    }
    partials = Buffer(count: 2 * granules.count)
  }

  /// Σ x² over all parts.
  public func sumOfSquares(_ buffer: UnsafeMutableBufferPointer<Float>, on team: ThreadTeam) -> Double {
    sumOfSquares(buffer, within: nil, on: team) { _ in }
  }

  /// Σ x² over all parts, where each of several processes knows some of the granules.
  ///
  /// - Parameters:
  ///   - known: ascending ranges of whole granules; nil for all.
  ///   - combine: fills in the sums of the granules that are not known, which are 0.
  public func sumOfSquares(
    _ buffer: UnsafeMutableBufferPointer<Float>, within known: [Range<Int>]?, on team: ThreadTeam,
    combine: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) rethrows -> Double {
    guard let x = buffer.baseAddress, !granules.isEmpty else { return 0 }
    let sums = UnsafeMutableRawPointer(partials.pointer).assumingMemoryBound(to: Double.self)
    team.forEach((granules.count + FlatNorm.atOnce - 1) / FlatNorm.atOnce) { piece, _ in
      for index in piece * FlatNorm.atOnce..<min(granules.count, (piece + 1) * FlatNorm.atOnce) {
        let (start, count) = granules[index]
        precondition(start + count <= buffer.count, "a buffer of \(buffer.count) floats")
        let isKnown = known.map { FlatNorm.contains($0, start) } ?? true
        sums[index] = isKnown ? Double(dot(x + start, x + start, count: count)) : 0
      }
    }
    try combine(UnsafeMutableBufferPointer(start: sums, count: granules.count))
    var sum = 0.0
    for index in granules.indices { sum += sums[index] }
    return sum
  }

  /// Whether one of ascending ranges contains a place.
  static func contains(_ ranges: [Range<Int>], _ place: Int) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= place { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(place)
  }
}
