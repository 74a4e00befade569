#if canImport(Glibc)
  import Glibc
#endif

/// The norm of each of several tensors in a flat buffer, summed in an order that the tensors and the cuts alone fix: each
/// tensor's squares in pieces that no cut goes through, and then piece after piece.
///
/// Where each of several processes knows whole stretches between cuts, the norms have the same bits on any number of them.
public struct TensorNorms: Sendable {
  /// Where each piece starts, how many floats it has, and whose it is.
  private let pieces: [(start: Int, count: Int, tensor: Int)]
  private let tensors: Int
  private let partials: Buffer

  /// Pieces of one piece of work.
  private static let atOnce = 64

  /// - Parameters:
  ///   - tensors: ascending ranges of the buffers whose norms will be asked for.
  ///   - parts: ascending ranges that hold the tensors between them; each is cut every `granule` floats from its start.
  public init(_ tensors: [Range<Int>], parts: [Range<Int>], granule: Int) {
    self.tensors = tensors.count
    let stretches = parts.flatMap { part in
      stride(from: part.lowerBound, to: part.upperBound, by: granule).map {
        $0..<min($0 + granule, part.upperBound)
      }
    }
    var pieces: [(Int, Int, Int)] = []
    var first = 0
    for (index, tensor) in tensors.enumerated() {
      while first < stretches.count && stretches[first].upperBound <= tensor.lowerBound { first += 1 }
      for stretch in stretches[first...].prefix(while: { $0.lowerBound < tensor.upperBound }) {
        let piece = stretch.clamped(to: tensor)
        pieces.append((piece.lowerBound, piece.count, index))
      }
    }
    self.pieces = pieces
    partials = Buffer(count: 2 * pieces.count)
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
    guard let x = buffer.baseAddress, let last = pieces.last else { return norms }
    precondition(last.start + last.count <= buffer.count, "a buffer of \(buffer.count) floats")
    let sums = UnsafeMutableRawPointer(partials.pointer).assumingMemoryBound(to: Double.self)
    team.forEach((pieces.count + TensorNorms.atOnce - 1) / TensorNorms.atOnce) { work, _ in
      for index in work * TensorNorms.atOnce..<min(pieces.count, (work + 1) * TensorNorms.atOnce) {
        let piece = pieces[index]
        let isKnown = known.map { FlatNorm.contains($0, piece.start) } ?? true
        sums[index] = isKnown ? Double(dot(x + piece.start, x + piece.start, count: piece.count)) : 0
      }
    }
    try combine(UnsafeMutableBufferPointer(start: sums, count: pieces.count))
    for (index, piece) in pieces.enumerated() { norms[piece.tensor] += sums[index] }
    for index in norms.indices { norms[index] = norms[index].squareRoot() }
    return norms
  }
}
