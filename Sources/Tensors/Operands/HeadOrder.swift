/// Head-major order (see ``HeadLayout``), [kv head][row][head of the kv head][padded e].
package struct HeadOrder {
  /// The number of query heads that read one kv head, or 1 for keys and values.
  package let headsPerKey: Int
  /// The number of rows of one kv head.
  package let rows: Int
  package let paddedHeadSize: Int

  package init(headsPerKey: Int, rows: Int, paddedHeadSize: Int) {
    self.headsPerKey = headsPerKey
    self.rows = rows
    self.paddedHeadSize = paddedHeadSize
  }

  /// The number of elements from the start to a row's heads of kv head 0.
  package func offset(row: Int) -> Int { row &* headsPerKey &* paddedHeadSize }

  /// The number of elements from a row's heads of kv head 0 to one of its heads.
  package func offset(head: Int) -> Int {
    (head / headsPerKey) &* (rows &* headsPerKey &* paddedHeadSize) &+ (head % headsPerKey) &* paddedHeadSize
  }
}
