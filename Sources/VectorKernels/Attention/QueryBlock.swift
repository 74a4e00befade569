import Tensors

/// A block of one query group's rows: positions `first`..<`end` of a sequence, all copies of the group, and all query
/// heads of one kv head.
struct QueryBlock: AttendingBlock {
  let shape: AttentionShape
  let type: ElementType
  let group: AttentionQueries
  /// Which of the sequences' kv heads: sequence · kv heads + kv head.
  let head: Int
  let first: Int
  let end: Int

  /// About as many rows as make a matrix product efficient.
  private static let targetRows = 128

  /// The number of positions of a block.
  private static func positions(_ shape: AttentionShape, copies: Int) -> Int {
    max(1, targetRows / (copies * shape.headsPerKey))
  }

  /// The number of rows of a block of whole positions.
  static func maximumRows(_ shape: AttentionShape, copies: Int) -> Int {
    positions(shape, copies: copies) * copies * shape.headsPerKey
  }

  /// The number of blocks of a sequence.
  static func blocks(_ shape: AttentionShape, copies: Int) -> Int {
    let size = positions(shape, copies: copies)
    return (shape.positions + size - 1) / size
  }

  init(_ shape: AttentionShape, _ type: ElementType, _ group: AttentionQueries, block: Int, head: Int) {
    let size = QueryBlock.positions(shape, copies: group.copies)
    self.shape = shape
    self.type = type
    self.group = group
    self.head = head
    first = block * size
    end = min(first + size, shape.positions)
  }

  var heads: HeadShape { shape.heads }
  var keys: [AttentionKeys] { group.keys }
  private var rowsPerPosition: Int { group.copies &* shape.headsPerKey }
  var rows: Int { (end &- first) &* rowsPerPosition }

  /// The block's first row among all rows of the group's queries.
  var firstRow: Int { (head &* shape.positions &+ first) &* rowsPerPosition }

  var queries: UnsafeRawPointer {
    UnsafeRawPointer(group.queries) + firstRow &* shape.paddedHeadSize &* type.bytes
  }

  @inline(__always)
  func keyPanels(of keys: AttentionKeys) -> UnsafeRawPointer {
    layout(of: keys).panelAddress(keys.keyPanels, head: head)
  }

  @inline(__always)
  func valuePanels(of keys: AttentionKeys) -> UnsafeRawPointer {
    guard let valuePanels = keys.valuePanels else { preconditionFailure("values without memory for their panels") }
    return layout(of: keys).panelAddress(valuePanels, head: head)
  }

  @inline(__always)
  func interleavedValues(of keys: AttentionKeys) -> UnsafeRawPointer {
    layout(of: keys).interleavedAddress(type == .fp32 ? keys.values : keys.interleaved, head: head)
  }

  /// The keys, which the backward pass interleaves into the memory of the forward pass's values.
  @inline(__always)
  func interleavedKeys(of keys: AttentionKeys) -> UnsafeRawPointer {
    layout(of: keys).interleavedAddress(type == .fp32 ? keys.keys : keys.interleaved, head: head)
  }

  @inline(__always)
  private func layout(of keys: AttentionKeys) -> KeyPanels { KeyPanels(shape, type, copies: keys.copies) }

  /// The first position whose keys are visible from `position`.
  @inline(__always)
  private func firstVisible(from position: Int, of keys: AttentionKeys) -> Int {
    guard let first = keys.firstVisible else { return 0 }
    return Int(first[head / shape.keyValueHeads &* shape.positions &+ position])
  }

  @inline(__always)
  func eachTile(of keys: AttentionKeys, _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void) {
    // With a short window, distant positions share few keys. So rows are processed a few positions at a time; otherwise
    // most of each tile would be masked. The number of positions is even, so that the first row of each step starts
    // a packed lane of rows.
    let step = min(end &- first, max(16, (keys.window &+ 1) & -2))
    var position = first
    while position < end {
      let last = min(position &+ step, end)
      let rows = (position &- first) &* rowsPerPosition..<(last &- first) &* rowsPerPosition
      KeyTiles.forEach(from: firstVisible(from: position, of: keys) &* keys.copies, to: last &* keys.copies) {
        body(rows, $0)
      }
      position = last
    }
  }

  @inline(__always)
  func visible(row: Int, of keys: AttentionKeys, in range: Range<Int>) -> (from: Int, to: Int) {
    let query = row / shape.headsPerKey
    let position = first &+ query / group.copies
    let from = firstVisible(from: position, of: keys) &* keys.copies
    let to =
      keys.own
      ? position &* keys.copies &+ group.firstCopy &+ query % group.copies &+ 1 : (position &+ 1) &* keys.copies
    return (max(from, range.lowerBound) &- range.lowerBound, min(to, range.upperBound) &- range.lowerBound)
  }

  /// The slice of `matrix` for one block row: one query head of one copy of one token.
  @inline(__always)
  func head<Row: MatrixRow>(of row: Int, in matrix: Matrix) -> Row {
    let sequence = head / shape.keyValueHeads
    let queryHead = head % shape.keyValueHeads &* shape.headsPerKey &+ row % shape.headsPerKey
    let query = row / shape.headsPerKey
    let position = first &+ query / group.copies
    let copy = query % group.copies
    return Row(matrix, (copy &* shape.sequences &+ sequence) &* shape.positions &+ position)
      .advanced(by: queryHead &* shape.headSize)
  }
}
