import Tensors

/// A block of query rows and the keys that it attends to, for one kv head.
///
/// Rows are [position][copy][query head of the kv head].
protocol AttendingBlock {
  /// A set of keys and values.
  associatedtype Keys

  var heads: HeadShape { get }
  var rows: Int { get }
  /// The sets of keys, in the order in which they are added to the softmax.
  var keys: [Keys] { get }

  /// The block's queries, [rows, padded e], as packed lanes (``PackedLane``).
  var queries: UnsafeRawPointer { get }
  /// The kv head's transposed keys, see ``KeyPanels``.
  func keyPanels(of keys: Keys) -> UnsafeRawPointer
  /// The kv head's interleaved values, see ``KeyPanels``.
  func interleavedValues(of keys: Keys) -> UnsafeRawPointer

  /// Calls `body` with the rows and the keys of each tile in which some row sees a key. Tiles start at a multiple of
  /// ``vectorWidth``.
  func eachTile(of keys: Keys, _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void)
  /// The keys in `range` that a row sees, counted from the start of `range`; may be empty.
  func visible(row: Int, of keys: Keys, in range: Range<Int>) -> (from: Int, to: Int)
}

extension AttendingBlock {
  /// Computes the block's unnormalized outputs, maxima and sums: the forward pass over all tiles of all its keys.
  @inline(__always)
  func attend<Lane>(_ scratch: AttentionScratch<Lane>) {
    let softmax = scratch.softmax
    let size = heads.paddedHeadSize
    let lanesPerHead = size / Lane.elements
    let stride = OnlineSoftmax<Lane>.scoreStride
    let queries = queries.assumingMemoryBound(to: Lane.self)
    softmax.reset(rows: rows)
    for source in keys {
      let panels = keyPanels(of: source).assumingMemoryBound(to: Lane.self)
      let values = interleavedValues(of: source).assumingMemoryBound(to: Lane.self)
      eachTile(of: source) { rows, keys in
        KeyPanels.multiply(
          softmax.scores, cStride: stride, queries + rows.lowerBound &* lanesPerHead, rows: rows.count, panels,
          size: lanesPerHead, range: keys)
        softmax.update(rows, count: keys.count) { visible(row: $0, of: source, in: keys) }
        BlockProduct.multiply(
          softmax.outputs + rows.lowerBound &* size, cStride: size, rows: rows.count, columns: size,
          inner: Lane.lanes(for: keys.count), UnsafeRawPointer(softmax.scores).assumingMemoryBound(to: Lane.self),
          rowStride: stride, innerStride: 1, values + keys.lowerBound / Lane.elements &* size, bStride: size,
          accumulating: true)
      }
    }
  }
}
