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

  /// A stride of nil is that of a matrix without gaps between rows.
  init(
    rows: Int, columns: Int, inner: Int, aTransposed: Bool = false, bTransposed: Bool = false,
    aStride: Int? = nil, bStride: Int? = nil, cStride: Int? = nil, cIsBF16: Bool = false, accumulating: Bool = false
  ) {
    let aWidth = aTransposed ? rows : inner
    let bWidth = bTransposed ? inner : columns
    self.rows = rows
    self.columns = columns
    self.inner = inner
    self.aTransposed = aTransposed
    self.bTransposed = bTransposed
    self.aStride = aStride ?? aWidth
    self.bStride = bStride ?? bWidth
    self.cStride = cStride ?? columns
    self.cIsBF16 = cIsBF16
    self.accumulating = accumulating
    precondition(rows >= 0 && columns >= 0 && inner > 0, "a product of [\(rows), \(inner)] · [\(inner), \(columns)]")
    precondition(
      self.aStride >= aWidth && self.bStride >= bWidth && self.cStride >= columns,
      "strides \(self.aStride), \(self.bStride), \(self.cStride) under [\(rows), \(inner)] · [\(inner), \(columns)]")
    precondition(!(cIsBF16 && accumulating), "an accumulating product needs an fp32 result")
  }
}
