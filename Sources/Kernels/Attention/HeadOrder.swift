/// Head-major order (see ``HeadLayout``), [kv head][row][head of the kv head][padded e].
struct HeadOrder {
  /// The number of query heads that read one kv head, or 1 for keys and values.
  let headsPerKey: Int
  /// The number of rows of one kv head.
  let rows: Int
  let paddedHeadSize: Int

  /// The number of elements from the start to a row's heads of kv head 0.
  @inline(__always)
  func offset(row: Int) -> Int { row &* headsPerKey &* paddedHeadSize }

  /// The number of elements from a row's heads of kv head 0 to one of its heads.
  @inline(__always)
  func offset(head: Int) -> Int {
    (head / headsPerKey) &* (rows &* headsPerKey &* paddedHeadSize) &+ (head % headsPerKey) &* paddedHeadSize
  }
}
