/// The norm of a flat buffer, summed in an order that its parts alone fix: each part in granules from its start, each
/// granule's squares by themselves, and then granule after granule.
public struct FlatNorm: Sendable {
  private let squares: SquareSums

  /// - Parameters:
  ///   - parts: of the buffers whose norms will be asked for.
  ///   - granule: floats of a granule; few enough to be summed as floats without loss that matters.
  public init(parts: [Range<Int>], granule: Int) { squares = SquareSums(parts.flatMap { granules(of: $0, granule) }) }

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
    var sum = 0.0
    for granule in try squares(buffer, within: known, on: team, combine: combine) { sum += granule }
    return sum
  }
}
