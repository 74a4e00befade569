import Tensors

/// A block of one group's rows: some positions, all copies of the group, and all query heads of one kv head.
struct CachedQueryBlock: AttendingBlock {
  let heads: HeadShape
  let group: CachedQueries
  let positions: Range<Int>
  /// The kv head.
  let head: Int
  /// Index of the block's first query among all queries of the call.
  let firstQuery: Int
  let queries: UnsafeRawPointer

  /// - Parameters:
  ///   - queries: of all groups, [kv heads][queries][heads per key][padded e].
  ///   - queryCount: the number of queries of all groups.
  init(
    _ heads: HeadShape, _ group: CachedQueries, _ positions: Range<Int>, head: Int, queries: Matrix, queryCount: Int
  ) {
    self.heads = heads
    self.group = group
    self.positions = positions
    self.head = head
    firstQuery = group.start &+ (positions.lowerBound &- group.positions.lowerBound) &* group.copies
    let row = (head &* queryCount &+ firstQuery) &* heads.headsPerKey
    self.queries = UnsafeRawPointer(queries.base) + row &* heads.paddedHeadSize &* queries.type.bytes
  }

  var rows: Int { positions.count &* group.copies &* heads.headsPerKey }
  var keys: [CachedKeys] { group.keys }

  @inline(__always)
  func keyPanels(of keys: CachedKeys) -> UnsafeRawPointer { UnsafeRawPointer(keys.store.panels(head)) }

  @inline(__always)
  func interleavedValues(of keys: CachedKeys) -> UnsafeRawPointer { UnsafeRawPointer(keys.store.values(head)) }

  @inline(__always)
  func eachTile(of keys: CachedKeys, _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void) {
    let lastCopy = group.firstCopy &+ group.copies &- 1
    if lastCopy < keys.firstCopy { return }
    let rowsPerPosition = group.copies &* heads.headsPerKey
    // With a short window, distant positions share few keys. So rows are processed a few positions at a time; otherwise
    // most of each tile would be masked.
    let step = max(16, positions.upperBound &- keys.firstVisible(positions.upperBound &- 1))
    var position = positions.lowerBound
    while position < positions.upperBound {
      let end = min(position &+ step, positions.upperBound)
      let first = (position &- positions.lowerBound) &* rowsPerPosition
      let rows = first..<first &+ (end &- position) &* rowsPerPosition
      KeyTiles.forEach(
        from: keys.visible(position: position, copy: lastCopy).lowerBound,
        to: keys.visible(position: end &- 1, copy: lastCopy).upperBound
      ) {
        body(rows, $0)
      }
      position = end
    }
  }

  @inline(__always)
  func visible(row: Int, of keys: CachedKeys, in range: Range<Int>) -> (from: Int, to: Int) {
    let query = row / heads.headsPerKey
    let visible = keys.visible(
      position: positions.lowerBound &+ query / group.copies, copy: group.firstCopy &+ query % group.copies)
    return (
      max(visible.lowerBound, range.lowerBound) &- range.lowerBound,
      min(visible.upperBound, range.upperBound) &- range.lowerBound
    )
  }
}
