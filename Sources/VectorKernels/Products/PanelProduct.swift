import Tensors

/// Products of large matrices, c ← a · b, of fp32 or bf16, summed in fp32.
///
/// The product is cut into blocks of at most 2048 columns and, within each, blocks of the inner dimension (K blocks). For
/// each K block, the threads first pack b into panels. Then they compute the result in strips of rows: ``PanelTile``
/// reads rows of a either in place or from a packed copy, which each worker makes for itself. The packed rows of one
/// register tile are a row group. Each K block continues the sums of the one before, so an element's bits depend neither
/// on how the product is cut nor on its neighbours. Scratch memory only grows.
///
/// c must not overlap a or b. K must not be 0 unless the product accumulates.
final class PanelProduct: MatrixProductKernel, @unchecked Sendable {
  // Unchecked: there is one caller at a time, and its threads write to separate memory.

  /// The number of rows of a strip.
  private static let stripRows = 96
  /// The largest number of b's columns that are packed at a time.
  private static let maximumBlockColumns = 2048
  /// The largest number of lanes of b that are packed at a time. Limits the packed part of b when one K block is the whole
  /// K (a bf16 result).
  private static let maximumPackedLanes = 1 << 22
  /// The number of panels that a thread packs in one piece of work.
  private static let panelsPerTask = 4
  /// Unused lanes after each panel and each packed row group. Without a gap their distance could be a power of two, and
  /// they would evict each other from the caches.
  private static let gap = 16

  /// Whether a product reads an operand or its transpose.
  enum OperandOrder {
    case normal
    case transposed
  }

  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  init(on team: ThreadTeam) { self.team = team }

  func forward(_ y: Matrix, _ x: Matrix, _ w: Matrix) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    multiply(y, x, .normal, w, .transposed, accumulating: false)
  }

  func inputGradient(_ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool) {
    precondition(dx.rows == dy.rows && dy.columns == w.rows && dx.columns == w.columns, "dx \(dx), dy \(dy), w \(w)")
    multiply(dx, dy, .normal, w, .normal, accumulating: accumulating)
  }

  func weightGradient(_ dw: Matrix, _ dy: Matrix, _ x: Matrix) {
    precondition(dw.rows == dy.columns && dw.columns == x.columns && dy.rows == x.rows, "dw \(dw), dy \(dy), x \(x)")
    multiply(dw, dy, .transposed, x, .normal, accumulating: true)
  }

  /// c ← a · b, plus c if `accumulating`; a [M, K] or, transposed, [K, M]; b [K, N] or [N, K]; c [M, N].
  ///
  /// If c is bf16, each sum is rounded once.
  private func multiply(
    _ c: Matrix, _ a: Matrix, _ aOrder: OperandOrder, _ b: Matrix, _ bOrder: OperandOrder,
    accumulating: Bool
  ) {
    precondition(a.type == b.type && !(accumulating && c.type == .bf16), "a \(a), b \(b), c \(c)")
    switch a.type {
    case .fp32: multiply(FloatLanes.self, c, a, aOrder, b, bOrder, accumulating)
    case .bf16 where MicroKernel.current.multipliesBF16: multiply(BF16Lanes.self, c, a, aOrder, b, bOrder, accumulating)
    case .bf16: multiply(WidenedBF16Lanes.self, c, a, aOrder, b, bOrder, accumulating)
    }
  }

  private func multiply<Source: OperandSource>(
    _: Source.Type, _ c: Matrix, _ a: Matrix, _ aOrder: OperandOrder, _ b: Matrix,
    _ bOrder: OperandOrder, _ accumulating: Bool
  ) {
    let elements = Source.Lane.elements
    let inner = aOrder == .normal ? a.columns : a.rows
    if c.rows == 0 || (inner == 0 && accumulating) { return }
    precondition(inner > 0, "a product whose inner dimension is 0: a \(a)")
    // A bf16 result cannot hold the sums between K blocks, so its whole inner dimension is one K block.
    let innerLanes = Source.Lane.lanes(for: inner)
    let kBlock = c.type == .bf16 ? innerLanes : min(MicroKernel.current.kBlock, innerLanes)
    let panelColumns = PanelTile.columns
    // Blocks of whole panels, of nearly equal size.
    let panels = (c.columns + panelColumns - 1) / panelColumns
    let maximumPanels = max(
      1, min(PanelProduct.maximumBlockColumns, PanelProduct.maximumPackedLanes / kBlock) / panelColumns)
    let blocks = (panels + maximumPanels - 1) / maximumPanels
    let blockColumns = (panels + blocks - 1) / blocks * panelColumns
    let rowGroups = (PanelProduct.stripRows - 1) / PanelTile.rows + 1
    let panelStride = kBlock * panelColumns + PanelProduct.gap
    let groupStride = kBlock * PanelTile.rows + PanelProduct.gap
    let needed = blockColumns / panelColumns * panelStride + team.count * rowGroups * groupStride
    if scratch.count < needed { scratch = Buffer(count: needed) }
    let right = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: Source.Lane.self)
    let strips = (c.rows + PanelProduct.stripRows - 1) / PanelProduct.stripRows

    for first in stride(from: 0, to: c.columns, by: blockColumns) {
      let columns = first..<min(first + blockColumns, c.columns)
      let panels = (columns.count + panelColumns - 1) / panelColumns
      let (parts, perPart) = shares(strips, panels)
      for start in stride(from: 0, to: inner, by: kBlock * elements) {
        let range = start..<min(start + kBlock * elements, inner)
        let block = Block(
          c: c, a: a, aOrder: aOrder, inner: range, lanes: Source.Lane.lanes(for: range.count), columns: columns,
          mode: c.type == .bf16 ? .round : accumulating || start > 0 ? .add : .store, panelStride: panelStride,
          groupStride: groupStride)
        let perTask = PanelProduct.panelsPerTask
        team.forEach((panels + perTask - 1) / perTask) { index, _ in
          let column = first + index * perTask * panelColumns
          packRight(
            Source.self, b, bOrder, column..<min(column + perTask * panelColumns, columns.upperBound), block,
            into: right + index * perTask * panelStride)
        }
        let left = right + panels * panelStride
        team.forEach(strips * parts) { index, worker in
          let row = index / parts * PanelProduct.stripRows
          let panelRange = index % parts * perPart..<min((index % parts + 1) * perPart, panels)
          multiply(
            Source.self, block, row..<min(row + PanelProduct.stripRows, c.rows), panelRange, UnsafePointer(right),
            left: left + worker * rowGroups * groupStride)
        }
      }
    }
  }

  /// The number of parts into which a strip's panels are divided, and the number of panels per part. About four work items
  /// per thread, to balance the load. Each part packs the strip's rows of a again.
  private func shares(_ strips: Int, _ panels: Int) -> (parts: Int, perPart: Int) {
    let wanted = team.count == 1 ? 1 : min(panels, max(1, (4 * team.count + strips - 1) / strips))
    let perPart = (panels + wanted - 1) / wanted
    return ((panels + perPart - 1) / perPart, perPart)
  }

  /// One K block, for some columns of c.
  private struct Block {
    let c: Matrix
    let a: Matrix
    let aOrder: OperandOrder
    /// The K block, in elements.
    let inner: Range<Int>
    /// The number of packed lanes of the K block.
    let lanes: Int
    /// The columns of c that the packed panels cover.
    let columns: Range<Int>
    let mode: PanelTile.StoreMode
    /// The number of lanes from a panel to the next.
    let panelStride: Int
    /// The number of lanes from a packed row group to the next.
    let groupStride: Int
  }

  /// Computes the tiles where the given rows and panels meet.
  private func multiply<Source: OperandSource>(
    _: Source.Type, _ block: Block, _ rows: Range<Int>, _ panelRange: Range<Int>,
    _ right: UnsafePointer<Source.Lane>, left: UnsafeMutablePointer<Source.Lane>
  ) {
    let (c, lanes, columns) = (block.c, block.lanes, block.columns)
    let elements = Source.Lane.elements
    // Full tiles are read in place if memory already holds packed lanes; the remaining rows are packed.
    let inPlace =
      MicroKernel.current.readsRowsInPlace && Source.storesLanes && block.aOrder == .normal
      && block.inner.count % elements == 0
      && block.a.stride % elements == 0
    let packed = inPlace ? rows.upperBound - rows.count % PanelTile.rows..<rows.upperBound : rows
    packLeft(Source.self, block, packed, into: left)
    let stored =
      UnsafeRawPointer(block.a.base).assumingMemoryBound(to: Source.Lane.self)
      + (inPlace ? block.inner.lowerBound / elements : 0)
    let xStride = block.a.stride / elements
    let tiles = (rows.count &+ PanelTile.rows &- 1) / PanelTile.rows
    for index in panelRange {
      let column = columns.lowerBound &+ index &* PanelTile.columns
      let tileColumns = min(PanelTile.columns, columns.upperBound &- column)
      let packedPanel = right + index &* block.panelStride
      var row = rows.lowerBound
      while row < rows.upperBound {
        let target = c.base + (row &* c.stride &+ column) &* c.type.bytes
        let count = min(PanelTile.rows, rows.upperBound &- row)
        let tile = (row &- rows.lowerBound) / PanelTile.rows
        if row &+ count < rows.upperBound {
          PanelTile.prefetch(target + count &* c.stride &* c.type.bytes, stride: c.stride, c.type)
        }
        if row < packed.lowerBound {
          PanelTile.multiplyRows(
            target, stride: c.stride, columns: tileColumns, block.mode, stored + row &* xStride, xStride: xStride,
            packedPanel, inner: lanes)
        } else {
          PanelTile.multiply(
            count, target, stride: c.stride, columns: tileColumns, block.mode,
            UnsafePointer(left + (row &- packed.lowerBound) / PanelTile.rows &* block.groupStride), packedPanel,
            inner: lanes,
            prefetch: PanelTile.Prefetch(
              packedPanel, next: packedPanel + block.panelStride, lanes: lanes, steps: lanes, tile: tile, of: tiles))
        }
        row &+= count
      }
    }
  }

  /// Packs columns of b: target [panel][lanes][columns of a panel]. Lanes of a last, partial panel beyond the last column
  /// keep old values; their sums are discarded.
  private func packRight<Source: OperandSource>(
    _: Source.Type, _ b: Matrix, _ bOrder: OperandOrder, _ columns: Range<Int>, _ block: Block,
    into target: UnsafeMutablePointer<Source.Lane>
  ) {
    let source = UnsafePointer(b.base.assumingMemoryBound(to: Source.Element.self))
    let panelColumns = PanelTile.columns
    let inner = block.inner
    if bOrder == .normal {
      Source.interleave(
        source + (inner.lowerBound * b.stride + columns.lowerBound), stride: b.stride, count: inner.count,
        columns: columns.count, into: target, width: panelColumns, blockStride: block.panelStride, narrowing: false)
      return
    }
    for row in stride(from: 0, to: columns.count, by: 8) {
      Source.transpose(
        source + ((columns.lowerBound + row) * b.stride + inner.lowerBound), stride: b.stride,
        count: min(8, columns.count - row), columns: inner.count,
        into: target + (row / panelColumns * block.panelStride + row % panelColumns), stride: panelColumns)
    }
  }

  /// Packs rows of a: target [row group][lanes][rows of the group].
  private func packLeft<Source: OperandSource>(
    _: Source.Type, _ block: Block, _ rows: Range<Int>, into target: UnsafeMutablePointer<Source.Lane>
  ) {
    let (a, inner) = (block.a, block.inner)
    let source = UnsafePointer(a.base.assumingMemoryBound(to: Source.Element.self))
    if block.aOrder == .transposed {
      Source.interleave(
        source + (inner.lowerBound * a.stride + rows.lowerBound), stride: a.stride, count: inner.count,
        columns: rows.count, into: target, width: PanelTile.rows, blockStride: block.groupStride, narrowing: true)
      return
    }
    for row in stride(from: rows.lowerBound, to: rows.upperBound, by: PanelTile.rows) {
      let count = min(PanelTile.rows, rows.upperBound - row)
      Source.transpose(
        source + (row * a.stride + inner.lowerBound), stride: a.stride, count: count, columns: inner.count,
        into: target + (row - rows.lowerBound) / PanelTile.rows * block.groupStride, stride: count)
    }
  }
}
