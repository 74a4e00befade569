/// Products of bf16 matrices with fp32 sums. Each product is one single-threaded call.
///
/// Each worker of a ``ThreadTeam`` has its own caches and scratch memory. ``OneDNNProduct`` allocates at the worker's
/// first product of each ``Form``, and its cache grows with the number of forms, so shapes must come from a
/// configuration. ``PanelProduct`` allocates scratch memory when a product needs more than all earlier ones.
final class BF16Product: @unchecked Sendable {
  // Unchecked: one thread at a time uses a worker's caches.

  /// The code that multiplies. ``preferred`` is in MicroKernel.swift.
  enum Backend: CaseIterable {
    /// ``PanelProduct``. In a build without AVX512-BF16, operands are widened to fp32 while they are packed.
    case panels
    /// oneDNN, except for weight gradients, which use ``PanelProduct``: their operands have gaps between rows, for which
    /// oneDNN's code allocates memory in every call. oneDNN needs AVX-512. It is fast with AVX512-BF16 and faster with AMX;
    /// without them, it takes about four times as long as sgemm.
    case oneDNN
  }

  /// The sizes of a product and the memory layout of its matrices: row-major, strides in elements.
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

  let backend: Backend
  private let oneDNN: [OneDNNProduct]
  private let panels: [PanelProduct]

  /// - Parameter workers: the number of threads that may call at the same time, a team's `count`.
  init(workers: Int, backend: Backend = .preferred) {
    precondition(Backend.available.contains(backend), "no \(backend) on this processor")
    self.backend = backend
    oneDNN = backend == .oneDNN ? (0..<workers).map { _ in OneDNNProduct() } : []
    panels = (0..<workers).map { _ in PanelProduct(on: ThreadTeam()) }
  }

  /// c ← a · b, plus c if the form accumulates.
  ///
  /// - Parameter worker: the caller's number. No two concurrent calls may use the same.
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
