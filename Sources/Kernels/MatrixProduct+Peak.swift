extension MatrixProduct {
  /// A linear map's product: tokens × inputs → tokens × outputs, or one of its two gradients.
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

  /// The fewest seconds that a product is timed over: several of the system's time slices. A shorter product would mostly
  /// be timed within one slice, and ranks that share a processor would each report all of it.
  static let leastSecondsOfRate = 0.008

  /// The rate of matrix products, in operations a second, that the team reaches on the three products of each map: the
  /// median over all of them, each timed over three rounds or more.
  ///
  /// Every thread makes the whole product, all at once, as one call of ``Processor/library(of:)`` and into memory of its
  /// own: a yardstick that knows nothing of tiles. (Weights' gradients in bf16 are this program's own, where oneDNN's code
  /// is slow: ``BF16Product``.)
  /// - Parameter seconds: a clock.
  public func measureRate(of maps: [LinearMap], seconds: () -> Double) -> Double {
    var rates: [Double] = []
    let library = MatrixProduct(of: type, on: team, bf16: Processor.hasBF16 ? .oneDNN : .widening, ownFP32: false)
    for map in maps {
      let memory = (0..<team.count).map { _ in RateMemory(map, type) }
      for kind in Kind.allCases {
        func multiply() {
          team.forEach(team.count) { index, worker in memory[index].multiply(kind, library, worker) }
        }
        // The first time touches the memory.
        multiply()
        let operations = 2 * Double(map.tokens) * Double(map.inputs) * Double(map.outputs) * Double(team.count)
        let start = seconds()
        var (rounds, elapsed) = (0.0, 0.0)
        while rounds < 3 || elapsed < MatrixProduct.leastSecondsOfRate {
          multiply()
          rounds += 1
          elapsed = seconds() - start
        }
        rates.append(rounds * operations / max(elapsed, 1e-9))
      }
    }
    return rates.sorted()[rates.count / 2]
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
    for (buffer, size) in zip(operands, sizes) {
      let values = Matrix(UnsafeMutableRawPointer(buffer.pointer), type, rows: 1, columns: size)
      for index in 0..<size {
        switch type {
        case .fp32: FloatRow(values, 0)[index] = Float(index % 13) * 0.1
        case .bf16: HalfRow(values, 0)[index] = Float(index % 13) * 0.1
        }
      }
    }
  }

  func multiply(_ kind: MatrixProduct.Kind, _ product: MatrixProduct, _ worker: Int) {
    func operand(_ place: Int, _ rows: Int, _ columns: Int) -> Matrix {
      Matrix(UnsafeMutableRawPointer(operands[place].pointer), type, rows: rows, columns: columns)
    }
    let x = operand(0, map.tokens, map.inputs)
    let w = operand(1, map.outputs, map.inputs)
    let dy = operand(2, map.tokens, map.outputs)
    switch kind {
    case .forward:
      let y = Matrix(result.pointer, rows: map.tokens, columns: map.outputs)
      product.multiply(y, x, .asIs, w, .transposed, worker: worker)
    case .inputGradient:
      let dx = Matrix(result.pointer, rows: map.tokens, columns: map.inputs)
      product.multiply(dx, dy, .asIs, w, .asIs, worker: worker)
    case .weightGradient:
      let dw = Matrix(result.pointer, rows: map.outputs, columns: map.inputs)
      product.multiply(dw, dy, .transposed, x, .asIs, worker: worker)
    }
  }
}
