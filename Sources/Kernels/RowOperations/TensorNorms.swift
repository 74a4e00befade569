import Tensors

/// The norm of each of several tensors in a flat buffer, summed in an order that depends only on the tensors and the cuts:
/// cuts divide each tensor into pieces, the squares of each piece are summed, and then the pieces' sums are added in order.
///
/// If each of several processes has whole stretches between cuts, the norms have the same bits on any number of processes.
public struct TensorNorms: Sendable {
  private let squares: SquareSums
  /// Index of the tensor to which each piece belongs.
  private let owners: [Int]
  private let tensors: Int

  /// - Parameters:
  ///   - tensors: ascending ranges of the buffers.
  ///   - parts: ascending ranges that together contain the tensors; each is cut every `granule` floats from its start.
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
  ///   - known: the ranges between cuts that this process has, ascending; nil for all.
  ///   - combine: fills in the sums of the other pieces, which are 0.
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
