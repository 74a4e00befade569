import Tensors

/// The micro-kernel of matrix products: the register tile, and how operands are brought to it.
///
/// This file is the only place that chooses one. The instructions for which the module is compiled fix the choice, so every
/// property is a constant after optimization. For a set of instructions with other registers, add a micro-kernel here and
/// return it from ``current``.
///
/// The shape of the tile does not change the bits of a result (see ``PanelTile``); ``multipliesBF16`` does.
struct MicroKernel {
  /// The number of rows of a tile of ``PanelTile``.
  let tileRows: Int
  /// The number of columns of a tile and of a panel.
  let tileColumns: Int
  /// The number of lanes of a K block: the part of the inner dimension that ``PanelProduct`` packs at a time.
  let kBlock: Int
  /// Whether ``PanelProduct`` may read rows of the left operand in place instead of packing them.
  let readsRowsInPlace: Bool
  /// Whether the tiles of a panel share the prefetching of the next one (``PanelTile/Prefetch``), rather than each
  /// prefetching a fixed distance ahead.
  let sharesPrefetch: Bool
  /// The number of ``Vector`` sums that a measurement of the multiply-adds' rate computes side by side: enough to hide the
  /// latency of a multiply-add, and no more than fit in the registers.
  let chains: Int
  /// Whether ``BlockProduct`` computes four vectors of columns at a time, rather than one.
  let hasWideBlocks: Bool
  /// Whether products multiply pairs of bf16, rather than operands widened to fp32.
  let multipliesBF16: Bool

  /// 16 registers of half a ``Vector``: a tile of 4 rows of three registers takes 12 and leaves four for the operands. It
  /// loads fewer operands for each multiply-add than a tile of 6 rows of two registers. A panel's K block is larger than
  /// the L1 cache and is read from L2. A shorter one would read and write the result, which is often in main memory, more
  /// often. Rows read in place can lie a power of two apart and would evict each other from a small L1.
  @inline(__always)
  static var avx2: MicroKernel {
    MicroKernel(
      tileRows: 4, tileColumns: 24, kBlock: 512, readsRowsInPlace: false, sharesPrefetch: true, chains: 6,
      hasWideBlocks: false, multipliesBF16: false)
  }

  /// 32 registers of one ``Vector``: a tile of 8 rows of 2 vectors takes 16, which leaves room for the operands, and a
  /// block of 6 rows of 4 vectors takes 24.
  @inline(__always)
  static var avx512: MicroKernel {
    MicroKernel(
      tileRows: 8, tileColumns: 32, kBlock: 512, readsRowsInPlace: true, sharesPrefetch: false, chains: 12,
      hasWideBlocks: true, multipliesBF16: Instructions.haveBF16)
  }

  /// The micro-kernel of this module. Without AVX2 and AVX-512 it is AVX2's.
  @inline(__always)
  static var current: MicroKernel { Instructions.haveAVX512 ? .avx512 : .avx2 }
}

// MARK: - Tiles of large products

extension PanelTile {
  /// The number of columns of a panel, [lanes of the inner dimension][columns].
  static var columns: Int { MicroKernel.current.tileColumns }
  /// The largest number of rows of a tile.
  static var rows: Int { MicroKernel.current.tileRows }

  /// A tile of `count` packed rows, with the micro-kernel's row type.
  @inline(__always)
  static func packed<Lane: PackedLane>(
    _ count: Int, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode, _ x: UnsafePointer<Lane>,
    _ panel: UnsafePointer<Lane>, _ inner: Int, _ prefetch: Prefetch
  ) {
    if MicroKernel.current.tileColumns == TwoVectors<Lane>.columns {
      tile(TwoVectors<Lane>.self, count, c, stride, mode, x, panel, inner, prefetch)
    } else {
      tile(ThreeHalves<Lane>.self, count, c, stride, mode, x, panel, inner, prefetch)
    }
  }

  /// Multiplies one or two packed rows of fp32 by a panel of bf16, with the micro-kernel's row type.
  @inline(__always)
  static func widened(
    _ count: Int, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode, _ x: UnsafePointer<Float>,
    _ panel: UnsafePointer<BF16Pair>, _ inner: Int
  ) {
    precondition(count == 1 || count == 2, "a widened tile of \(count) rows")
    switch (MicroKernel.current.tileColumns == TwoVectors<Float>.columns, count) {
    case (true, 1): widenedTile(SingleRow<TwoVectors<Float>>.self, c, stride, mode, x, panel, inner)
    case (true, _): widenedTile(TwoRows<TwoVectors<Float>>.self, c, stride, mode, x, panel, inner)
    case (false, 1): widenedTile(SingleRow<ThreeHalves<Float>>.self, c, stride, mode, x, panel, inner)
    case (false, _): widenedTile(TwoRows<ThreeHalves<Float>>.self, c, stride, mode, x, panel, inner)
    }
  }

  /// A tile of ``rows`` rows in place, with the micro-kernel's row type.
  @inline(__always)
  static func stored<Lane: PackedLane>(
    _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode, _ x: UnsafePointer<Lane>, _ xStride: Int,
    _ panel: UnsafePointer<Lane>, _ inner: Int
  ) {
    if MicroKernel.current.tileColumns == TwoVectors<Lane>.columns {
      storedTile(EightRows<TwoVectors<Lane>>.self, c, stride, mode, x, xStride, panel, inner)
    } else {
      storedTile(FourRows<ThreeHalves<Lane>>.self, c, stride, mode, x, xStride, panel, inner)
    }
  }
}
