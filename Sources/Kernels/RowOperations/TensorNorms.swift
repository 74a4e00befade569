/// The norm of each of several tensors in a flat buffer, summed in an order that the tensors and the cuts alone fix: each
/// tensor's squares in pieces that no cut goes through, and then piece after piece.
///
/// Where each of several processes knows whole stretches between cuts, the norms have the same bits on any number of them.
public struct TensorNorms: Sendable {
  private let squares: SquareSums
  /// Whose each piece is.
  private let owners: [Int]
  private let tensors: Int

  /// - Parameters:
  ///   - tensors: ascending ranges of the buffers whose norms will be asked for.
  ///   - parts: ascending ranges that hold the tensors between them; each is cut every `granule` floats from its start.
  public init(_ tensors: [Range<Int>], parts: [Range<Int>], granule: Int) {
    self.tensors = tensors.count
    let stretches = parts.flatMap { granules(of: $0, granule) }
    var (pieces, owners): ([Range<Int>], [Int]) = ([], [])
    var first = 0
    for (index, tensor) in tensors.enumerated() {
      while first < stretches.count && stretches[first].upperBound <= tensor.lowerBound { first += 1 }
      for stretch in stretches[first...].prefix(while: { $0.lowerBound < tensor.upperBound }) {
        pieces.append(stretch.clamped(to: tensor))
        owners.append(index)
      }
    }
    squares = SquareSums(pieces)
    self.owners = owners
  }

  /// √(Σ x²) of each tensor.
  ///
  /// - Parameters:
  ///   - known: ascending ranges that cuts bound; nil for all.
  ///   - combine: fills in the sums of the pieces that are not known, which are 0.
  public func norms(
    of buffer: UnsafeMutableBufferPointer<Float>, within known: [Range<Int>]? = nil, on team: ThreadTeam,
    combine: (UnsafeMutableBufferPointer<Double>) throws -> Void = { _ in }
  ) rethrows -> [Double] {
    var norms = [Double](repeating: 0, count: tensors)
    let sums = try squares(buffer, within: known, on: team, combine: combine)
    for (sum, owner) in zip(sums, owners) { norms[owner] += sum }
    for index in norms.indices { norms[index] = norms[index].squareRoot() }
    return norms
  }
}
