import CProcessor
import Tensors

/// One row of a product's tile: sums that stay in registers during the loop over the inner dimension.
protocol TileRow {
  associatedtype Lane: PackedLane

  /// The number of columns of a row, a multiple of eight.
  static var columns: Int { get }

  /// Zero sums.
  init()
  /// The packed lanes of ``columns`` columns from `pointer` on.
  init(_ pointer: UnsafePointer<Lane>)
  /// The fp32 sums stored from `sums` on.
  init(sums: UnsafePointer<Float>)

  /// This ← this + factor · lanes.
  mutating func add(_ factor: Lane, _ lanes: Self)
  /// c ← this, plus c if `accumulating`.
  func store(_ c: UnsafeMutablePointer<Float>, accumulating: Bool)
  /// c ← this, rounded to bf16.
  func store(rounded c: UnsafeMutablePointer<UInt16>)
}

/// A row that can be read from pairs of bf16, for processors that do not multiply bf16.
protocol WidenedTileRow: TileRow where Lane == Float {
  /// The first bf16 of each of ``columns`` pairs, widened.
  init(lower pairs: UnsafePointer<BF16Pair>)
  /// The second bf16 of each pair, widened.
  init(upper pairs: UnsafePointer<BF16Pair>)
}

/// A row of 16 columns: two registers of AVX2.
struct OneVector<Lane: PackedLane>: TileRow {
  private var v0 = Vector.zero

  static var columns: Int { vectorWidth }

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ pointer: UnsafePointer<Lane>) { v0 = Lane.vector(pointer, at: 0) }

  @inline(__always)
  init(sums: UnsafePointer<Float>) { v0 = sums.vector(at: 0) }

  @inline(__always)
  mutating func add(_ factor: Lane, _ lanes: OneVector) { v0 = factor.product(lanes.v0, addedTo: v0) }

  @inline(__always)
  func store(_ c: UnsafeMutablePointer<Float>, accumulating: Bool) {
    c.store(accumulating ? c.vector(at: 0) + v0 : v0, at: 0)
  }

  @inline(__always)
  func store(rounded c: UnsafeMutablePointer<UInt16>) { v0.store(bf16: c, at: 0) }
}

/// A row of 24 columns: three registers of AVX2. A tile of four rows takes twelve of its sixteen registers.
struct ThreeHalves<Lane: PackedLane>: TileRow {
  private var v0 = HalfVector.zero
  private var v1 = HalfVector.zero
  private var v2 = HalfVector.zero

  static var columns: Int { 24 }

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ pointer: UnsafePointer<Lane>) {
    v0 = Lane.halfVector(pointer, at: 0)
    v1 = Lane.halfVector(pointer, at: 8)
    v2 = Lane.halfVector(pointer, at: 16)
  }

  @inline(__always)
  init(sums: UnsafePointer<Float>) {
    v0 = sums.halfVector(at: 0)
    v1 = sums.halfVector(at: 8)
    v2 = sums.halfVector(at: 16)
  }

  @inline(__always)
  mutating func add(_ factor: Lane, _ lanes: ThreeHalves) {
    v0 = factor.product(lanes.v0, addedTo: v0)
    v1 = factor.product(lanes.v1, addedTo: v1)
    v2 = factor.product(lanes.v2, addedTo: v2)
  }

  @inline(__always)
  func store(_ c: UnsafeMutablePointer<Float>, accumulating: Bool) {
    let old = accumulating ? ThreeHalves(sums: c) : ThreeHalves()
    c.store(accumulating ? old.v0 + v0 : v0, at: 0)
    c.store(accumulating ? old.v1 + v1 : v1, at: 8)
    c.store(accumulating ? old.v2 + v2 : v2, at: 16)
  }

  @inline(__always)
  func store(rounded c: UnsafeMutablePointer<UInt16>) {
    Vector(lowHalf: v0, highHalf: v1).store(bf16: c, at: 0)
    let last = Vector(lowHalf: v2, highHalf: v2)
    UnsafeMutableRawPointer(c + 16).storeBytes(of: phd_round_bf16(last).lowHalf, as: SIMD8<UInt16>.self)
  }
}

extension ThreeHalves: WidenedTileRow where Lane == Float {
  @inline(__always)
  init(lower pairs: UnsafePointer<BF16Pair>) {
    v0 = BF16Pair.lower(pairs)
    v1 = BF16Pair.lower(pairs + 8)
    v2 = BF16Pair.lower(pairs + 16)
  }

  @inline(__always)
  init(upper pairs: UnsafePointer<BF16Pair>) {
    v0 = BF16Pair.upper(pairs)
    v1 = BF16Pair.upper(pairs + 8)
    v2 = BF16Pair.upper(pairs + 16)
  }
}

/// A row of 32 columns. A tile of eight rows takes half of AVX-512's registers.
struct TwoVectors<Lane: PackedLane>: TileRow {
  private var v0 = Vector.zero
  private var v1 = Vector.zero

  static var columns: Int { 2 * vectorWidth }

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ pointer: UnsafePointer<Lane>) {
    v0 = Lane.vector(pointer, at: 0)
    v1 = Lane.vector(pointer, at: vectorWidth)
  }

  @inline(__always)
  init(sums: UnsafePointer<Float>) {
    v0 = sums.vector(at: 0)
    v1 = sums.vector(at: vectorWidth)
  }

  @inline(__always)
  mutating func add(_ factor: Lane, _ lanes: TwoVectors) {
    v0 = factor.product(lanes.v0, addedTo: v0)
    v1 = factor.product(lanes.v1, addedTo: v1)
  }

  @inline(__always)
  func store(_ c: UnsafeMutablePointer<Float>, accumulating: Bool) {
    c.store(accumulating ? c.vector(at: 0) + v0 : v0, at: 0)
    c.store(accumulating ? c.vector(at: vectorWidth) + v1 : v1, at: vectorWidth)
  }

  @inline(__always)
  func store(rounded c: UnsafeMutablePointer<UInt16>) {
    v0.store(bf16: c, at: 0)
    v1.store(bf16: c, at: vectorWidth)
  }
}

extension TwoVectors: WidenedTileRow where Lane == Float {
  @inline(__always)
  init(lower pairs: UnsafePointer<BF16Pair>) {
    v0 = Vector(lowHalf: BF16Pair.lower(pairs), highHalf: BF16Pair.lower(pairs + 8))
    v1 = Vector(lowHalf: BF16Pair.lower(pairs + 16), highHalf: BF16Pair.lower(pairs + 24))
  }

  @inline(__always)
  init(upper pairs: UnsafePointer<BF16Pair>) {
    v0 = Vector(lowHalf: BF16Pair.upper(pairs), highHalf: BF16Pair.upper(pairs + 8))
    v1 = Vector(lowHalf: BF16Pair.upper(pairs + 16), highHalf: BF16Pair.upper(pairs + 24))
  }
}

/// A row of 64 columns. A tile of six rows takes most of AVX-512's registers.
struct FourVectors<Lane: PackedLane>: TileRow {
  private var low = TwoVectors<Lane>()
  private var high = TwoVectors<Lane>()

  static var columns: Int { 4 * vectorWidth }

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ pointer: UnsafePointer<Lane>) {
    low = TwoVectors(pointer)
    high = TwoVectors(pointer + 2 * vectorWidth)
  }

  @inline(__always)
  init(sums: UnsafePointer<Float>) {
    low = TwoVectors(sums: sums)
    high = TwoVectors(sums: sums + 2 * vectorWidth)
  }

  @inline(__always)
  mutating func add(_ factor: Lane, _ lanes: FourVectors) {
    low.add(factor, lanes.low)
    high.add(factor, lanes.high)
  }

  @inline(__always)
  func store(_ c: UnsafeMutablePointer<Float>, accumulating: Bool) {
    low.store(c, accumulating: accumulating)
    high.store(c + 2 * vectorWidth, accumulating: accumulating)
  }

  @inline(__always)
  func store(rounded c: UnsafeMutablePointer<UInt16>) {
    low.store(rounded: c)
    high.store(rounded: c + 2 * vectorWidth)
  }
}
