/// The exact number of arithmetic operations of a pass. A multiplication and an addition count as two operations.
public struct ModelCost: Sendable, Equatable {
  /// Operations of one sequence's forward pass: matrix products only.
  public let forward: Int

  /// Operations of one sequence's forward and backward pass: each product of the forward pass has two in the backward
  /// pass. Recomputation (of scores in attention's backward pass, of blocks with `recompute`) is not counted.
  public var training: Int { 3 * forward }

  public init(_ model: ModelConfiguration, _ hiddenDecoding: HiddenDecoding, positions: Int) {
    let (d, f) = (model.hiddenSize, model.intermediateSize)
    let (q, kv) = (model.querySize, model.keyValueSize)
    var total = 0
    for layer in 0..<model.layers {
      let last = layer == model.layers - 1
      let rows = hiddenDecoding.repeats * positions
      let queryRows = last ? positions : rows
      total += 2 * rows * d * 2 * kv
      total += 2 * queryRows * (2 * q * d + 3 * d * f)
      total += 4 * q * hiddenDecoding.visiblePairs(positions: positions, lastCopyOnly: last)
    }
    forward = total + 2 * positions * d * model.vocabularySize
  }
}
