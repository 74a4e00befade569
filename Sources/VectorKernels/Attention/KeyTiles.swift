import Tensors

/// How a run of keys is cut into tiles.
enum KeyTiles {
  /// The number of keys of a tile.
  static let size = 256

  /// Calls `body` with each tile of the keys `first`..<`end`.
  ///
  /// Tiles end at multiples of ``size``. The first starts at a multiple of ``vectorWidth``, at or before
  /// `first`.
  @inline(__always)
  static func forEach(from first: Int, to end: Int, _ body: (_ keys: Range<Int>) -> Void) {
    var key = first / vectorWidth &* vectorWidth
    while key < end {
      let next = min((key / size &+ 1) &* size, end)
      body(key..<next)
      key = next
    }
  }
}
