/// One group of copies' keys and values, as queries see them.
///
/// A query at position n sees the keys of positions firstVisible[n] … n. Of its own position it sees all the group's
/// copies, or, where the group is its own, the copies up to itself.
public struct AttentionKeys {
  let keys: UnsafeMutableRawPointer
  let values: UnsafeMutableRawPointer
  /// Keys and values turned, see ``KeyPanels``; the values' are for the backward pass alone.
  let keyPanels: UnsafeMutableRawPointer
  let valuePanels: UnsafeMutableRawPointer?
  /// Values downwards, in the backward pass keys; not used in fp32.
  let interleaved: UnsafeMutableRawPointer
  let keyGradients: UnsafeMutablePointer<Float>?
  let valueGradients: UnsafeMutablePointer<Float>?
  /// Keys at each position.
  let copies: Int
  /// [sequences][positions], never falling in a sequence; nil where all earlier positions are visible.
  let firstVisible: UnsafePointer<Int32>?
  /// The longest run of positions that a query sees; positions for no limit.
  let window: Int
  /// Whether the queries are this group's own copies.
  let own: Bool

  /// - Parameters: keys, values (of attention's type) and their gradients (fp32)
  ///   [sequences][kv heads][positions · copies][e], see ``HeadLayout``; keyPanels, valuePanels and interleaved: room for
  ///   ``KeyPanels``.
  public init(
    keys: UnsafeMutableRawPointer, values: UnsafeMutableRawPointer, keyPanels: UnsafeMutableRawPointer,
    valuePanels: UnsafeMutableRawPointer? = nil, interleaved: UnsafeMutableRawPointer,
    keyGradients: UnsafeMutablePointer<Float>? = nil, valueGradients: UnsafeMutablePointer<Float>? = nil,
    copies: Int, firstVisible: UnsafePointer<Int32>? = nil, window: Int, own: Bool
  ) {
    self.keys = keys
    self.values = values
    self.keyPanels = keyPanels
    self.valuePanels = valuePanels
    self.interleaved = interleaved
    self.keyGradients = keyGradients
    self.valueGradients = valueGradients
    self.copies = copies
    self.firstVisible = firstVisible
    self.window = window
    self.own = own
  }
}

/// One group of copies' queries, and what they see.
public struct AttentionQueries {
  let queries: UnsafeMutableRawPointer
  let queryGradients: UnsafeMutablePointer<Float>?
  /// Copies side by side at each position.
  let copies: Int
  /// Which copy of its group the first of them is.
  let firstCopy: Int
  let keys: [AttentionKeys]
  /// Attention's output, [copies · sequences · positions, query heads · e], in the projection's order.
  let output: Matrix
  /// log₂ Σ 2^score of each query, [sequences][kv heads][positions · copies · heads per key].
  let logSumExps: UnsafeMutablePointer<Float>

  /// - Parameter queries: of attention's type, [sequences][kv heads][positions · copies · heads per key][e], see
  ///   ``HeadLayout``.
  public init(
    queries: UnsafeMutableRawPointer, queryGradients: UnsafeMutablePointer<Float>? = nil, copies: Int,
    firstCopy: Int, keys: [AttentionKeys], output: Matrix, logSumExps: UnsafeMutablePointer<Float>
  ) {
    self.queries = queries
    self.queryGradients = queryGradients
    self.copies = copies
    self.firstCopy = firstCopy
    self.keys = keys
    self.output = output
    self.logSumExps = logSumExps
  }
}

/// A block of one query group's rows: positions `first`..<`end` of a sequence, all its copies, all heads of one kv head.
struct QueryBlock {
  let shape: AttentionShape
  let queries: AttentionQueries
  /// Which of the sequences' kv heads: sequence · kv heads + kv head.
  let head: Int
  let first: Int
  let end: Int

  /// About as many rows as make a matrix product efficient.
  static let rows = 128
  /// Keys are taken this many at a time.
  static let keyBlock = 256
  /// Rows of a tile of scores are this many lanes apart: a key block, whole vectors, and not a power of two.
  static let scoreStride = keyBlock + vectorWidth

  static func positions(_ shape: AttentionShape, copies: Int) -> Int {
    max(1, rows / (copies * shape.headsPerKey))
  }

  /// The rows of the largest block, however many copies there are.
  static func maximumRows(_ shape: AttentionShape, copies: Int) -> Int {
    positions(shape, copies: copies) * copies * shape.headsPerKey
  }

  static func blocks(_ shape: AttentionShape, copies: Int) -> Int {
    let size = positions(shape, copies: copies)
    return (shape.positions + size - 1) / size
  }

  init(_ shape: AttentionShape, _ queries: AttentionQueries, block: Int, head: Int) {
    let size = QueryBlock.positions(shape, copies: queries.copies)
    self.shape = shape
    self.queries = queries
    self.head = head
    first = block * size
    end = min(first + size, shape.positions)
  }

  var rowsPerPosition: Int { queries.copies &* shape.headsPerKey }
  var rows: Int { (end &- first) &* rowsPerPosition }

  /// The block's first row among those of its sequence and kv head.
  var firstRow: Int { first &* rowsPerPosition }

  /// The first position whose keys are seen from `position`.
  @inline(__always)
  private func firstVisible(from position: Int, of keys: AttentionKeys) -> Int {
    guard let first = keys.firstVisible else { return 0 }
    return Int(first[head / shape.keyValueHeads &* shape.positions &+ position])
  }

  /// Which of a block's own rows see keys in `range` (of this group's keys), in steps short enough for its window;
  /// calls `body` with the step's rows and each block of keys that some of them see. Blocks start at whole vectors.
  @inline(__always)
  func eachTile(of keys: AttentionKeys, _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void) {
    // Even: a step's first row starts a lane of rows.
    let step = min(end &- first, max(16, (keys.window &+ 1) & -2))
    var position = first
    while position < end {
      let last = min(position &+ step, end)
      let rows = (position &- first) &* rowsPerPosition..<(last &- first) &* rowsPerPosition
      var key = firstVisible(from: position, of: keys) &* keys.copies / vectorWidth &* vectorWidth
      let keyEnd = last &* keys.copies
      while key < keyEnd {
        let next = min((key / QueryBlock.keyBlock &+ 1) &* QueryBlock.keyBlock, keyEnd)
        body(rows, key..<next)
        key = next
      }
      position = last
    }
  }

  /// The keys that a row of the block sees, cut to `range` and counted from its start; may be empty.
  @inline(__always)
  func visible(row: Int, of keys: AttentionKeys, in range: Range<Int>) -> (from: Int, to: Int) {
    let place = row / shape.headsPerKey
    let position = first &+ place / queries.copies
    let from = firstVisible(from: position, of: keys) &* keys.copies
    let to =
      keys.own
      ? position &* keys.copies &+ queries.firstCopy &+ place % queries.copies &+ 1 : (position &+ 1) &* keys.copies
    return (max(from, range.lowerBound) &- range.lowerBound, min(to, range.upperBound) &- range.lowerBound)
  }
}

/// 0, 1, … 15: to tell the lanes beyond an end.
@inline(__always)
var laneIndices: Vector { Vector(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
