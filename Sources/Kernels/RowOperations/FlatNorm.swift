import Tensors

/// The norm of a flat buffer, summed in an order that depends only on its parts: each part is cut into granules from its
/// start, the squares of each granule are summed, and then the granules' sums are added in order.
public struct FlatNorm: Sendable {
  private let squares: SquareSums

  /// - Parameters:
  ///   - parts: ranges of the buffers, whose norm is computed.
  ///   - granule: floats of a granule: few enough that their fp32 sum is accurate.
  public init(parts: [Range<Int>], granule: Int) { squares = SquareSums(parts.flatMap { granules(of: $0, granule) }) }

  /// Σ x² over all parts.
  public func sumOfSquares(_ buffer: UnsafeMutableBufferPointer<Float>, on team: ThreadTeam) -> Double {
    sumOfSquares(buffer, within: nil, on: team) { _ in }
  }

  /// Σ x² over all parts, if each of several processes has some of the granules.
  ///
  /// - Parameters:
  ///   - known: the ranges of whole granules that this process has, ascending; nil for all.
  ///   - combine: fills in the sums of the other granules, which are 0.
  public func sumOfSquares(
    _ buffer: UnsafeMutableBufferPointer<Float>, within known: [Range<Int>]?, on team: ThreadTeam,
    combine: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) rethrows -> Double {
    var sum = 0.0
    for granule in try squares(buffer, within: known, on: team, combine: combine) { sum += granule }
    return sum
  }
}
