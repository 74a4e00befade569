import Tensors

/// A tile of a product: rows of sums (``TileRow``) that all stay in registers during the loop over the inner dimension.
///
/// Tiles are put together from ``SingleRow`` and ``Stack``, so their number of rows is part of their type, and the loop
/// over the rows is unrolled.
protocol Tile {
  associatedtype Row: TileRow

  static var rows: Int { get }

  /// Zero sums.
  init()
  /// The fp32 sums of rows that are `stride` floats apart.
  init(sums: UnsafePointer<Float>, stride: Int)

  /// Adds factor · lanes to each row of sums; the factors of consecutive rows are `stride` apart.
  mutating func add(_ factors: UnsafePointer<Row.Lane>, stride: Int, _ lanes: Row)
  /// c ← the sums, plus c if `accumulating`; c's rows are `stride` floats apart.
  func store(_ c: UnsafeMutablePointer<Float>, stride: Int, accumulating: Bool)
  /// c ← the sums, rounded to bf16.
  func store(rounded c: UnsafeMutablePointer<UInt16>, stride: Int)
}

struct SingleRow<Row: TileRow>: Tile {
  private var row: Row

  static var rows: Int { 1 }

  @inline(__always)
  init() { row = Row() }

  @inline(__always)
  init(sums: UnsafePointer<Float>, stride: Int) { row = Row(sums: sums) }

  @inline(__always)
  mutating func add(_ factors: UnsafePointer<Row.Lane>, stride: Int, _ lanes: Row) {
    row.add(factors.pointee, lanes)
  }

  @inline(__always)
  func store(_ c: UnsafeMutablePointer<Float>, stride: Int, accumulating: Bool) {
    row.store(c, accumulating: accumulating)
  }

  @inline(__always)
  func store(rounded c: UnsafeMutablePointer<UInt16>, stride: Int) { row.store(rounded: c) }
}

/// The rows of one tile above those of another.
struct Stack<Top: Tile, Bottom: Tile>: Tile where Top.Row == Bottom.Row {
  private var top: Top
  private var bottom: Bottom

  static var rows: Int { Top.rows &+ Bottom.rows }

  @inline(__always)
  init() { (top, bottom) = (Top(), Bottom()) }

  @inline(__always)
  init(sums: UnsafePointer<Float>, stride: Int) {
    top = Top(sums: sums, stride: stride)
    bottom = Bottom(sums: sums + Top.rows &* stride, stride: stride)
  }

  @inline(__always)
  mutating func add(_ factors: UnsafePointer<Top.Row.Lane>, stride: Int, _ lanes: Top.Row) {
    top.add(factors, stride: stride, lanes)
    bottom.add(factors + Top.rows &* stride, stride: stride, lanes)
  }

  @inline(__always)
  func store(_ c: UnsafeMutablePointer<Float>, stride: Int, accumulating: Bool) {
    top.store(c, stride: stride, accumulating: accumulating)
    bottom.store(c + Top.rows &* stride, stride: stride, accumulating: accumulating)
  }

  @inline(__always)
  func store(rounded c: UnsafeMutablePointer<UInt16>, stride: Int) {
    top.store(rounded: c, stride: stride)
    bottom.store(rounded: c + Top.rows &* stride, stride: stride)
  }
}

typealias TwoRows<Row: TileRow> = Stack<SingleRow<Row>, SingleRow<Row>>
typealias ThreeRows<Row: TileRow> = Stack<TwoRows<Row>, SingleRow<Row>>
typealias FourRows<Row: TileRow> = Stack<TwoRows<Row>, TwoRows<Row>>
typealias FiveRows<Row: TileRow> = Stack<FourRows<Row>, SingleRow<Row>>
typealias SixRows<Row: TileRow> = Stack<FourRows<Row>, TwoRows<Row>>
typealias SevenRows<Row: TileRow> = Stack<FourRows<Row>, ThreeRows<Row>>
typealias EightRows<Row: TileRow> = Stack<FourRows<Row>, FourRows<Row>>
