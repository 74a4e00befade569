/// Products of large matrices, c ← a · b, of fp32 or bf16, summed in fp32.
///
/// For each stretch of the inner dimension, the threads first pack b into panels. Then they compute the result in strips
/// of rows: ``PanelTile`` multiplies rows of a in place or packed. Each stretch continues the sums of the one before, so
/// an element's bits depend neither on how the product is cut nor on its neighbours. After the largest product, nothing
/// more is allocated.
final class PanelProduct: @unchecked Sendable {
  // Unchecked: there is one caller at a time, and its threads write to separate memory.

  /// Rows of a strip.
  private static let strip = 96
  /// The largest number of b's columns that are packed at a time.
  private static let width = 2048
  /// The largest number of lanes of b that are packed at a time, if the inner dimension must be one stretch.
  private static let packedLanes = 1 << 22
  /// Panels that a thread packs in one piece of work.
  private static let panelsAtOnce = 4
  /// Lanes between panels, and between groups of rows. Without a gap their distance would be a power of two, and they would
  /// evict each other from the caches.
  private static let gap = 16

  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  init(on team: ThreadTeam) { self.team = team }

  /// c ← a · b, plus c where `accumulating`; a [M, K] or, transposed, [K, M]; b [K, N] or [N, K]; c [M, N].
  ///
  /// If c is bf16, each sum is rounded once.
  func multiply(
    _ c: Matrix, _ a: Matrix, _ aIs: MatrixProduct.Operand, _ b: Matrix, _ bIs: MatrixProduct.Operand,
    accumulating: Bool
  ) {
    precondition(a.type == b.type && !(accumulating && c.type == .bf16), "a \(a), b \(b), c \(c)")
    switch a.type {
    case .fp32: multiply(FloatLanes.self, c, a, aIs, b, bIs, accumulating)
    case .bf16 where MicroKernel.current.multipliesBF16: multiply(BF16Lanes.self, c, a, aIs, b, bIs, accumulating)
    case .bf16: multiply(WidenedBF16Lanes.self, c, a, aIs, b, bIs, accumulating)
    }
  }

  /// c ← a · b, plus c if the form accumulates, for bf16 operands.
  func multiply(
    _ c: UnsafeMutableRawPointer, _ a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, _ form: BF16Product.Form
  ) {
    func operand(
      _ start: UnsafePointer<UInt16>, _ rows: Int, _ columns: Int, stride: Int, isTransposed: Bool
    ) -> Matrix {
      let base = UnsafeMutableRawPointer(mutating: start)
      return isTransposed
        ? Matrix(base, .bf16, rows: columns, columns: rows, stride: stride)
        : Matrix(base, .bf16, rows: rows, columns: columns, stride: stride)
    }
    multiply(
      Matrix(c, form.cIsBF16 ? .bf16 : .fp32, rows: form.rows, columns: form.columns, stride: form.cStride),
      operand(a, form.rows, form.inner, stride: form.aStride, isTransposed: form.aTransposed),
      form.aTransposed ? .transposed : .asIs,
      operand(b, form.inner, form.columns, stride: form.bStride, isTransposed: form.bTransposed),
      form.bTransposed ? .transposed : .asIs, accumulating: form.accumulating)
  }

  private func multiply<Source: OperandSource>(
    _: Source.Type, _ c: Matrix, _ a: Matrix, _ aIs: MatrixProduct.Operand, _ b: Matrix,
    _ bIs: MatrixProduct.Operand, _ accumulating: Bool
  ) {
    let elements = Source.Lane.elements
    let inner = aIs == .asIs ? a.columns : a.rows
    if c.rows == 0 || (inner == 0 && accumulating) { return }
    precondition(inner > 0, "a product whose inner dimension is 0: a \(a)")
    // A bf16 result cannot hold the sums between stretches, so its inner dimension is one stretch.
    let innerLanes = Source.Lane.lanes(for: inner)
    let stretch = c.type == .bf16 ? innerLanes : min(MicroKernel.current.stretch, innerLanes)
    let panel = PanelTile.columns
    let maximumWidth = min(PanelProduct.width, max(1, PanelProduct.packedLanes / stretch / panel) * panel)
    let width = min(maximumWidth, (c.columns + panel - 1) / panel * panel)
    let (panels, groups) = (width / panel, (PanelProduct.strip - 1) / PanelTile.rows + 1)
    let (panelStride, groupStride) = (stretch * panel + PanelProduct.gap, stretch * PanelTile.rows + PanelProduct.gap)
    let needed = panels * panelStride + team.count * groups * groupStride
    if scratch.count < needed { scratch = Buffer(count: needed) }
    let right = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: Source.Lane.self)
    let strips = (c.rows + PanelProduct.strip - 1) / PanelProduct.strip

    for first in stride(from: 0, to: c.columns, by: width) {
      let columns = first..<min(first + width, c.columns)
      let panels = (columns.count + panel - 1) / panel
      let (parts, perPart) = shares(strips, panels)
      for start in stride(from: 0, to: inner, by: stretch * elements) {
        let range = start..<min(start + stretch * elements, inner)
        let block = Block(
          c: c, a: a, aIs: aIs, inner: range, lanes: Source.Lane.lanes(for: range.count), columns: columns,
          mode: c.type == .bf16 ? .round : accumulating || start > 0 ? .add : .store, panelStride: panelStride,
          groupStride: groupStride)
        let atOnce = PanelProduct.panelsAtOnce
        team.forEach((panels + atOnce - 1) / atOnce) { index, _ in
          let column = first + index * atOnce * panel
          packRight(
            Source.self, b, bIs, column..<min(column + atOnce * panel, columns.upperBound), block,
            into: right + index * atOnce * panelStride)
        }
        let left = right + panels * panelStride
        team.forEach(strips * parts) { index, worker in
          let row = index / parts * PanelProduct.strip
          let some = index % parts * perPart..<min((index % parts + 1) * perPart, panels)
          multiply(
            Source.self, block, row..<min(row + PanelProduct.strip, c.rows), some, UnsafePointer(right),
            left: left + worker * groups * groupStride)
        }
      }
    }
  }

  /// The number of parts into which a strip's panels are divided, and the panels of a part: enough for an even
  /// distribution among the threads.
  private func shares(_ strips: Int, _ panels: Int) -> (parts: Int, perPart: Int) {
    let wanted = team.count == 1 ? 1 : min(panels, max(1, (4 * team.count + strips - 1) / strips))
    let perPart = (panels + wanted - 1) / wanted
    return ((panels + perPart - 1) / perPart, perPart)
  }

  /// One stretch of the inner dimension, for some columns of c.
  private struct Block {
    let c: Matrix
    let a: Matrix
    let aIs: MatrixProduct.Operand
    /// The stretch, in elements.
    let inner: Range<Int>
    /// Packed lanes of the stretch.
    let lanes: Int
    /// The columns of c that the packed panels cover.
    let columns: Range<Int>
    let mode: PanelTile.StoreMode
    /// Lanes from a panel to the next.
    let panelStride: Int
    /// Lanes from a group of packed rows to the next.
    let groupStride: Int
  }

  /// Computes the tiles of some rows and some panels.
  private func multiply<Source: OperandSource>(
    _: Source.Type, _ block: Block, _ rows: Range<Int>, _ panels: Range<Int>, _ right: UnsafePointer<Source.Lane>,
    left: UnsafeMutablePointer<Source.Lane>
  ) {
    let (c, lanes, columns) = (block.c, block.lanes, block.columns)
    let elements = Source.Lane.elements
    // Rows of whole tiles that already are packed lanes are read in place.
    let inPlace =
      MicroKernel.current.readsRowsInPlace && Source.storesLanes && block.aIs == .asIs
      && block.inner.count % elements == 0
      && block.a.stride % elements == 0
    let packed = inPlace ? rows.upperBound - rows.count % PanelTile.rows..<rows.upperBound : rows
    packLeft(Source.self, block, packed, into: left)
    let stored =
      UnsafeRawPointer(block.a.base).assumingMemoryBound(to: Source.Lane.self)
      + (inPlace ? block.inner.lowerBound / elements : 0)
    let xStride = block.a.stride / elements
    for index in panels {
      let column = columns.lowerBound &+ index &* PanelTile.columns
      let width = min(PanelTile.columns, columns.upperBound &- column)
      let panel = right + index &* block.panelStride
      var row = rows.lowerBound
      while row < rows.upperBound {
        let target = c.base + (row &* c.stride &+ column) &* c.type.bytes
        let count = min(PanelTile.rows, rows.upperBound &- row)
        if row &+ count < rows.upperBound {
          PanelTile.prefetch(target + count &* c.stride &* c.type.bytes, stride: c.stride, c.type)
        }
        if row < packed.lowerBound {
          PanelTile.multiplyRows(
            target, stride: c.stride, columns: width, block.mode, stored + row &* xStride, xStride: xStride, panel,
            inner: lanes)
        } else {
          PanelTile.multiply(
            count, target, stride: c.stride, columns: width, block.mode,
            UnsafePointer(left + (row &- packed.lowerBound) / PanelTile.rows &* block.groupStride), panel, inner: lanes)
        }
        row &+= count
      }
    }
  }

  /// Packs columns of b: target [panel][lanes][columns of a panel]. Columns beyond the last are never read.
  private func packRight<Source: OperandSource>(
    _: Source.Type, _ b: Matrix, _ bIs: MatrixProduct.Operand, _ columns: Range<Int>, _ block: Block,
    into target: UnsafeMutablePointer<Source.Lane>
  ) {
    let (source, panel) = (UnsafePointer(b.base.assumingMemoryBound(to: Source.Element.self)), PanelTile.columns)
    let inner = block.inner
    if bIs == .asIs {
      Source.interleave(
        source + (inner.lowerBound * b.stride + columns.lowerBound), stride: b.stride, count: inner.count,
        columns: columns.count, into: target, width: panel, blockStride: block.panelStride, narrowing: false)
      return
    }
    for row in stride(from: 0, to: columns.count, by: 8) {
      Source.transpose(
        source + ((columns.lowerBound + row) * b.stride + inner.lowerBound), stride: b.stride,
        count: min(8, columns.count - row), columns: inner.count,
        into: target + (row / panel * block.panelStride + row % panel), stride: panel)
    }
  }

  /// Packs rows of a: target [group][lanes][rows of the group].
  private func packLeft<Source: OperandSource>(
    _: Source.Type, _ block: Block, _ rows: Range<Int>, into target: UnsafeMutablePointer<Source.Lane>
  ) {
    let (a, inner) = (block.a, block.inner)
    let source = UnsafePointer(a.base.assumingMemoryBound(to: Source.Element.self))
    if block.aIs == .transposed {
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
