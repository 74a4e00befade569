/// One worker's products of bf16 matrices by way of fp32: widening is exact, and a bf16 result is rounded once.
final class WideningProduct {
  private var scratch = Buffer(count: 0)

  /// c ← a · b, plus c where accumulating.
  func multiply(
    _ c: UnsafeMutableRawPointer, _ a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, _ form: BF16Product.Form
  ) {
    let (aRows, aColumns) = form.aTransposed ? (form.inner, form.rows) : (form.rows, form.inner)
    let (bRows, bColumns) = form.bTransposed ? (form.columns, form.inner) : (form.inner, form.columns)
    let bStart = wholeLines(aRows * aColumns)
    let cStart = bStart + wholeLines(bRows * bColumns)
    let needed = cStart + (form.cIsBF16 ? form.rows * form.columns : 0)
    if scratch.count < needed { scratch = Buffer(count: needed) }

    let wideA = Matrix(scratch.pointer, rows: aRows, columns: aColumns)
    let wideB = Matrix(scratch.pointer + bStart, rows: bRows, columns: bColumns)
    widen(wideA, a, stride: form.aStride)
    widen(wideB, b, stride: form.bStride)
    let wideC =
      form.cIsBF16
      ? Matrix(scratch.pointer + cStart, rows: form.rows, columns: form.columns)
      : Matrix(
        c.assumingMemoryBound(to: Float.self), rows: form.rows, columns: form.columns, stride: form.cStride)
    MatrixProduct.multiply(
      wideC, wideA, form.aTransposed ? .transposed : .asIs, wideB, form.bTransposed ? .transposed : .asIs,
      plus: form.accumulating ? 1 : 0)
    if form.cIsBF16 { round(c.assumingMemoryBound(to: UInt16.self), wideC, stride: form.cStride) }
  }

  private func widen(_ matrix: Matrix, _ source: UnsafePointer<UInt16>, stride: Int) {
    for row in 0..<matrix.rows { BF16.widen(matrix.row(row), source + row &* stride, count: matrix.columns) }
  }

  private func round(_ result: UnsafeMutablePointer<UInt16>, _ matrix: Matrix, stride: Int) {
    for row in 0..<matrix.rows { BF16.round(result + row &* stride, matrix.row(row), count: matrix.columns) }
  }

  /// A count of floats, brought up to whole cache lines.
  private func wholeLines(_ count: Int) -> Int { (count + 15) & -16 }
}
