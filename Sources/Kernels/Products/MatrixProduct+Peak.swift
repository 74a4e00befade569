import COpenBLAS
import Host
import Tensors

extension MatrixProduct {
  /// The three products of a linear map.
  enum Kind: Sendable, CaseIterable {
    case forward
    case inputGradient
    case weightGradient
  }

  /// The sizes of a linear map.
  public struct LinearMap: Sendable, Equatable {
    public let tokens: Int
    public let inputs: Int
    public let outputs: Int

    public init(tokens: Int, inputs: Int, outputs: Int) {
      self.tokens = tokens
      self.inputs = inputs
      self.outputs = outputs
    }
  }

  /// A library's rate on the three products of each map, in operations per second: the median over all products, each
  /// timed over at least three rounds.
  ///
  /// All threads compute the whole product at the same time, each as one call of ``Processor/library(of:)`` into its own
  /// memory, so the rate does not depend on the kernels' tiles. Without bf16 arithmetic, bf16 is measured with fp32
  /// products, because its operands are widened to fp32.
  /// - Parameter seconds: a clock, in seconds.
  public func measureLibraryRate(of maps: [LinearMap], seconds: () -> Double) -> Double {
    // The team's threads call OpenBLAS concurrently, so it must not start threads of its own.
    openblas_set_num_threads(1)
    let type = kernels.multipliesBF16 ? type : .fp32
    let library = type == .bf16 ? LibraryProduct(on: team) : nil
    return medianRate(of: maps, type, copies: team.count, seconds: seconds) { kind, memory in
      team.forEach(team.count) { index, worker in memory[index].multiply(kind, library, worker) }
    }
  }

  /// The rate of these products themselves, as a training step computes them: the threads share one product.
  ///
  /// - Parameter seconds: a clock, in seconds.
  public func measureRate(of maps: [LinearMap], seconds: () -> Double) -> Double {
    medianRate(of: maps, type, copies: 1, seconds: seconds) { kind, memory in memory[0].multiply(kind, by: self) }
  }

  /// The median rate of `work`, which computes one kind of product once in each of `copies` memories.
  private func medianRate(
    of maps: [LinearMap], _ type: ElementType, copies: Int, seconds: () -> Double,
    _ work: (Kind, [RateMemory]) -> Void
  ) -> Double {
    var rates: [Double] = []
    for map in maps {
      let memory = (0..<copies).map { _ in RateMemory(map, type) }
      let operations = 2 * Double(map.tokens) * Double(map.inputs) * Double(map.outputs) * Double(copies)
      for kind in Kind.allCases {
        // The first round touches the memory.
        work(kind, memory)
        rates.append(Processor.rate(of: operations, seconds: seconds) { work(kind, memory) })
      }
    }
    return rates.upperMedian
  }
}

/// One thread's operands and result.
private struct RateMemory: Sendable {
  private let map: MatrixProduct.LinearMap
  private let type: ElementType
  private let operands: [Buffer]
  private let result: Buffer

  init(_ map: MatrixProduct.LinearMap, _ type: ElementType) {
    self.map = map
    self.type = type
    let sizes = [map.tokens * map.inputs, map.outputs * map.inputs, map.tokens * map.outputs]
    operands = sizes.map { Buffer(count: $0) }
    result = Buffer(count: sizes.max() ?? 0)
    let values = (0..<13).map { Float($0) * 0.1 }
    var rounded = [UInt16](repeating: 0, count: values.count)
    kernels.vectors.round(&rounded, values, count: values.count)
    for (buffer, size) in zip(operands, sizes) {
      let matrix = Matrix(UnsafeMutableRawPointer(buffer.pointer), type, rows: 1, columns: size)
      for index in 0..<size {
        switch type {
        case .fp32: matrix.pointer[index] = values[index % values.count]
        case .bf16: matrix.bf16[index] = rounded[index % values.count]
        }
      }
    }
  }

  private func operand(_ index: Int, _ rows: Int, _ columns: Int) -> Matrix {
    Matrix(UnsafeMutableRawPointer(operands[index].pointer), type, rows: rows, columns: columns)
  }

  private var x: Matrix { operand(0, map.tokens, map.inputs) }
  private var w: Matrix { operand(1, map.outputs, map.inputs) }
  private var dy: Matrix { operand(2, map.tokens, map.outputs) }

  private func result(_ rows: Int, _ columns: Int) -> Matrix { Matrix(result.pointer, rows: rows, columns: columns) }

  /// - Parameter library: for bf16; nil for OpenBLAS in fp32.
  func multiply(_ kind: MatrixProduct.Kind, _ library: LibraryProduct?, _ worker: Int) {
    func multiply(
      _ c: Matrix, _ a: Matrix, _ aOrder: LibraryProduct.OperandOrder, _ b: Matrix,
      _ bOrder: LibraryProduct.OperandOrder
    ) {
      if let library { return library.multiply(c, a, aOrder, b, bOrder, worker: worker) }
      openBLAS(c, a, aOrder, b, bOrder)
    }
    switch kind {
    case .forward: multiply(result(map.tokens, map.outputs), x, .normal, w, .transposed)
    case .inputGradient: multiply(result(map.tokens, map.inputs), dy, .normal, w, .normal)
    case .weightGradient: multiply(result(map.outputs, map.inputs), dy, .transposed, x, .normal)
    }
  }

  /// The same by all threads of a product's team.
  func multiply(_ kind: MatrixProduct.Kind, by product: MatrixProduct) {
    switch kind {
    case .forward: product.forward(result(map.tokens, map.outputs), x, w, segment: map.tokens)
    case .inputGradient: product.inputGradient(result(map.tokens, map.inputs), dy, w, segment: map.tokens)
    case .weightGradient: product.weightGradient(result(map.outputs, map.inputs), dy, x)
    }
  }
}

/// c ← a · b, all fp32: one single-threaded call of OpenBLAS.
func openBLAS(
  _ c: Matrix, _ a: Matrix, _ aOrder: LibraryProduct.OperandOrder, _ b: Matrix, _ bOrder: LibraryProduct.OperandOrder
) {
  func transposition(_ order: LibraryProduct.OperandOrder) -> CBLAS_TRANSPOSE {
    order == .normal ? CblasNoTrans : CblasTrans
  }
  let inner = aOrder == .normal ? a.columns : a.rows
  cblas_sgemm(
    CblasRowMajor, transposition(aOrder), transposition(bOrder), blasint(c.rows), blasint(c.columns), blasint(inner),
    1, a.pointer, blasint(a.stride), b.pointer, blasint(b.stride), 0, c.pointer, blasint(c.stride))
}
