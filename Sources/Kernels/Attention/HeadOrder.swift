/// Attention's order of heads, [kv head][row][head of the kv head][padded e].
struct HeadOrder {
  /// Query heads that read one kv head, or 1 for keys and values.
  let headsPerKey: Int
  /// Rows of one kv head.
  let rows: Int
  let paddedHeadSize: Int

  /// Elements from the start to a row's heads of kv head 0.
  @inline(__always)
  func offset(row: Int) -> Int { row &* headsPerKey &* paddedHeadSize }

  /// Elements from a row's heads of kv head 0 to one of its heads.
  @inline(__always)
  func offset(head: Int) -> Int {
    (head / headsPerKey) &* (rows &* headsPerKey &* paddedHeadSize) &+ (head % headsPerKey) &* paddedHeadSize
  }
}
