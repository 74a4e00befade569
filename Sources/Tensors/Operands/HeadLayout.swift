/// How rows of a projection correspond to head-major order, in which attention reads them (``HeadLayoutKernel``).
///
/// A projection's rows are [copy][sequence][position], its columns [head][e]. Head-major order is, for each sequence and kv
/// head, [position][copy][query head of the kv head][padded e]. In this order the queries of a block of positions, of
/// all copies and of all heads that read the same keys, are one contiguous matrix, [rows · heads, padded e].
public struct HeadLayout {
  package let shape: AttentionShape
  /// The number of copies of one group.
  package let copies: Int
  /// ``AttentionShape/headsPerKey`` for queries, 1 for keys and values.
  package let headsPerKey: Int
  /// The position by which each row's queries and keys are rotated, [sequences][positions].
  package let rotations: UnsafePointer<Int32>

  public static func queries(
    _ shape: AttentionShape, copies: Int, rotations: UnsafePointer<Int32>
  ) -> HeadLayout {
    HeadLayout(shape: shape, copies: copies, headsPerKey: shape.headsPerKey, rotations: rotations)
  }

  public static func keys(_ shape: AttentionShape, copies: Int, rotations: UnsafePointer<Int32>) -> HeadLayout {
    HeadLayout(shape: shape, copies: copies, headsPerKey: 1, rotations: rotations)
  }

  /// The position by which a row is rotated, counted from the start of its document.
  package func rotation(row: Int) -> Int { Int(rotations[row % shape.rowsPerCopy]) }

  package var heads: Int { shape.keyValueHeads &* headsPerKey }

  /// The number of columns of the projection.
  package var columns: Int { heads * shape.headSize }

  /// The order of one sequence's heads.
  package var order: HeadOrder {
    HeadOrder(headsPerKey: headsPerKey, rows: shape.positions * copies, paddedHeadSize: shape.paddedHeadSize)
  }

  /// The number of elements from the start to a row's heads of kv head 0; ``HeadOrder/offset(head:)`` leads from there to
  /// each head.
  package func offset(row: Int) -> Int {
    let perCopy = shape.rowsPerCopy
    let copy = row / perCopy
    let sequence = (row % perCopy) / shape.positions
    let position = row % shape.positions
    return order.offset(row: (sequence &* shape.keyValueHeads &* shape.positions &+ position) &* copies &+ copy)
  }
}
