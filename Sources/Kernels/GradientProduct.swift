/// One worker's products aᵀ · b of bf16 matrices, added to an fp32 one: the gradients of weights.
///
/// Both operands are read along their rows, as they are stored, and packed into pairs of rows for ``BlockProduct``: a
/// stretch of the inner dimension at a time, so that what is packed stays in the caches. oneDNN takes operands with gaps
/// between their rows, as tiles have, by code that allocates memory in every call; here nothing is allocated after the
/// first.
final class GradientProduct {
  /// Pairs of rows packed at one time.
  private static let stretch = 256
  /// Rows of the result that are packed together: whole strips of six.
  private static let strip = 48

  private var scratch = Buffer(count: 0)

  /// c ← aᵀ · b, plus c where accumulating; of a ``BF16Product/Form`` whose a alone is transposed.
  func multiply(
    _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, _ form: BF16Product.Form
  ) {
    let (stretch, strip, panel) = (GradientProduct.stretch, GradientProduct.strip, BlockProduct.panel)
    let panels = (form.columns + panel - 1) / panel
    let needed = stretch * (strip + panels * panel) + strip * panel
    if scratch.count < needed { scratch = Buffer(count: needed) }
    let right = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: BF16Pair.self)
    let left = right + stretch * panels * panel
    let edge = scratch.pointer + stretch * (strip + panels * panel)

    for start in stride(from: 0, to: form.inner, by: 2 * stretch) {
      let count = min(2 * stretch, form.inner - start)
      let accumulating = form.accumulating || start > 0
      for index in 0..<panels {
        let column = index * panel
        BF16Pair.pair(
          b + start * form.bStride + column, stride: form.bStride, count: count,
          columns: min(panel, form.columns - column), into: right + index * stretch * panel, targetStride: panel)
      }
      for row in stride(from: 0, to: form.rows, by: strip) {
        let rows = min(strip, form.rows - row)
        BF16Pair.pair(
          a + start * form.aStride + row, stride: form.aStride, count: count, columns: rows, into: left,
          targetStride: strip)
        for index in 0..<panels {
          let column = index * panel
          let target = c + row * form.cStride + column
          let columns = min(panel, form.columns - column)
          // A result that ends within a vector is made beside it.
          let whole = columns & -vectorWidth
          let panel = right + index * stretch * panel
          multiply(target, form.cStride, left, panel, rows, columns: whole, count, accumulating)
          if whole < columns {
            multiply(edge, vectorWidth, left, panel + whole, rows, columns: vectorWidth, count, false)
            for row in 0..<rows {
              for column in whole..<columns {
                let value = edge[row * vectorWidth + column - whole]
                let place = target + row * form.cStride + column
                place.pointee = accumulating ? place.pointee + value : value
              }
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func multiply(
    _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ left: UnsafePointer<BF16Pair>,
    _ panel: UnsafePointer<BF16Pair>, _ rows: Int, columns: Int, _ inner: Int, _ accumulating: Bool
  ) {
    BlockProduct.multiply(
      c, cStride: cStride, rows: rows, columns: columns, inner: BF16Pair.words(inner),
      left, rowStride: 1, innerStride: GradientProduct.strip, panel, bStride: BlockProduct.panel,
      accumulating: accumulating)
  }
}
