/// The sizes of a product and the memory layout of its matrices: row-major, strides in elements.
struct ProductForm: Hashable, Sendable {
  let rows: Int
  let columns: Int
  let inner: Int
  /// Whether a is stored [inner, rows] rather than [rows, inner].
  let aTransposed: Bool
  /// Whether b is stored [columns, inner] rather than [inner, columns].
  let bTransposed: Bool
  let aStride: Int
  let bStride: Int
  let cStride: Int
  /// Whether c [rows, columns] is bf16 rather than fp32.
  let cIsBF16: Bool
  /// Whether the product is added to c, which must then be fp32.
  let accumulating: Bool

  init(
    rows: Int, columns: Int, inner: Int, aTransposed: Bool, bTransposed: Bool, aStride: Int, bStride: Int, cStride: Int,
    cIsBF16: Bool, accumulating: Bool
  ) {
    let aWidth = aTransposed ? rows : inner
    let bWidth = bTransposed ? inner : columns
    self.rows = rows
    self.columns = columns
    self.inner = inner
    self.aTransposed = aTransposed
    self.bTransposed = bTransposed
    self.aStride = aStride
    self.bStride = bStride
    self.cStride = cStride
    self.cIsBF16 = cIsBF16
    self.accumulating = accumulating
    precondition(rows >= 0 && columns >= 0 && inner > 0, "a product of [\(rows), \(inner)] · [\(inner), \(columns)]")
    precondition(
      aStride >= aWidth && bStride >= bWidth && cStride >= columns,
      "strides \(aStride), \(bStride), \(cStride) under [\(rows), \(inner)] · [\(inner), \(columns)]")
    precondition(!(cIsBF16 && accumulating), "an accumulating product needs an fp32 result")
  }
}
