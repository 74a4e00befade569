/// Products of bf16 matrices that sum in fp32. Each is one single-threaded call.
///
/// A worker of a ``ThreadTeam`` has caches and scratch of its own, made when it first meets a ``Form``; after that
/// nothing is allocated here. The caches grow with the number of forms: shapes must come from a configuration.
final class BF16Product: @unchecked Sendable {
  // Unchecked: what belongs to a worker is used by one thread at a time.

  /// What multiplies.
  enum Backend: CaseIterable {
    /// ``PanelProduct``. Where this module was not built for AVX512-BF16, operands are widened to fp32 as they are packed.
    case panels
    /// oneDNN, but for gradients of weights: it takes operands with gaps between their rows, as tiles have, by code that
    /// allocates memory in every call. It needs AVX-512, is fast with AVX512-BF16 and faster with AMX; without, it takes
    /// about four times sgemm's time.
    case oneDNN
  }

  /// The sizes of a product, and how its matrices lie in memory: row by row, rows so many elements apart.
  struct Form: Hashable {
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
    /// Whether the product is added to c, which then is fp32.
    let accumulating: Bool

    /// Strides that are not given are those of matrices without gaps.
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
      precondition(!(cIsBF16 && accumulating), "a sum is kept in fp32")
    }
  }

  let backend: Backend
  private let oneDNN: [OneDNNProduct]
  private let panels: [PanelProduct]

  /// - Parameter workers: the number of threads that call at one time, a team's `count`.
  init(workers: Int, backend: Backend = .preferred) {
    precondition(Backend.available.contains(backend), "no \(backend) on this processor")
    self.backend = backend
    oneDNN = backend == .oneDNN ? (0..<workers).map { _ in OneDNNProduct() } : []
    panels = (0..<workers).map { _ in PanelProduct(on: ThreadTeam()) }
  }

  /// c ← a · b, plus c where accumulating.
  ///
  /// - Parameter worker: who calls; no two calls at one time have the same.
  func multiply(
    _ c: UnsafeMutableRawPointer, _ a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, _ form: Form, worker: Int
  ) {
    if form.rows == 0 || form.columns == 0 { return }
    switch backend {
    case .oneDNN where !(form.aTransposed && !form.bTransposed && !form.cIsBF16):
      oneDNN[worker].multiply(c, a, b, form)
    case .oneDNN, .panels: panels[worker].multiply(c, a, b, form)
    }
  }
}
