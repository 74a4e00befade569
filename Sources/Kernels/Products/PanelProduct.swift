/// Products of large matrices, c ← a · b, of fp32 or bf16, summed in fp32.
///
/// A stretch of the inner dimension at a time, the threads pack b into panels, and then share out the result, strip by
/// strip: ``PanelTile`` multiplies rows of a where they are, or packed where the inner dimension runs down them. Sums go
/// on where the stretch before left them, so an element's bits depend neither on how a product is cut nor on what is
/// beside it. Nothing is allocated once the largest product has been seen.
final class PanelProduct: @unchecked Sendable {
  // Unchecked: one caller at a time; its threads write to places of their own.

  /// Rows of a that go through together, and columns of b that are packed at one time.
  private static let strip = 96
  private static let width = 2048
  /// The most lanes of b that are packed at one time, where sums cannot wait for the next stretch.
  private static let packedLanes = 1 << 22
  /// Panels that a thread packs at one time.
  private static let panelsAtOnce = 4
  /// Words between panels, and between groups: else they would be apart by powers of two, and push each other out of the
  /// caches while they are written.
  private static let gap = 16

  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  init(on team: ThreadTeam) { self.team = team }

  /// c ← a · b, plus c where `accumulating`; a [M, K] or, transposed, [K, M]; b [K, N] or [N, K]; c [M, N].
  ///
  /// A c of bf16 is rounded once.
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

  /// The same of bf16 matrices in a form.
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
    precondition(inner > 0, "a product of nothing: a \(a)")
    // What is rounded must be whole: its sums have no place to wait in.
    let stretch = c.type == .bf16 ? Source.Lane.lanes(for: inner) : min(MicroKernel.current.stretch, Source.Lane.lanes(for: inner))
    let panel = PanelTile.columns
    let most = min(PanelProduct.width, max(1, PanelProduct.packedLanes / stretch / panel) * panel)
    let width = min(most, (c.columns + panel - 1) / panel * panel)
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

  /// How many parts a strip's panels are cut into, and panels of a part: enough for the threads to share evenly.
  private func shares(_ strips: Int, _ panels: Int) -> (parts: Int, perPart: Int) {
    let wanted = team.count == 1 ? 1 : min(panels, max(1, (4 * team.count + strips - 1) / strips))
    let perPart = (panels + wanted - 1) / wanted
    return ((panels + perPart - 1) / perPart, perPart)
  }

  /// One stretch of the inner dimension.
  private struct Block {
    let c: Matrix
    let a: Matrix
    let aIs: MatrixProduct.Operand
    let inner: Range<Int>
    /// Of the stretch.
    let lanes: Int
    /// The columns of c that are made of the panels.
    let columns: Range<Int>
    let mode: PanelTile.StoreMode
    /// Words from a panel to the next, and from a group of rows to the next.
    let panelStride: Int
    let groupStride: Int
  }

  /// The tiles of some rows and some panels.
  private func multiply<Source: OperandSource>(
    _: Source.Type, _ block: Block, _ rows: Range<Int>, _ panels: Range<Int>, _ right: UnsafePointer<Source.Lane>,
    left: UnsafeMutablePointer<Source.Lane>
  ) {
    let (c, lanes, columns) = (block.c, block.lanes, block.columns)
    let elements = Source.Lane.elements
    // Whole lanes of whole tiles' rows need not be packed. AVX2's small L1 would lose rows that are a power of two apart.
    let direct =
      MicroKernel.current.readsRowsInPlace && Source.storesLanes && block.aIs == .asIs && block.inner.count % elements == 0
      && block.a.stride % elements == 0
    let packed = direct ? rows.upperBound - rows.count % PanelTile.rows..<rows.upperBound : rows
    packLeft(Source.self, block, packed, into: left)
    let stored =
      UnsafeRawPointer(block.a.base).assumingMemoryBound(to: Source.Lane.self)
      + (direct ? block.inner.lowerBound / elements : 0)
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

  /// [panel][lanes][columns of a panel]; what is beyond the last column is never used.
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

  /// [group][lanes][rows of the group].
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
