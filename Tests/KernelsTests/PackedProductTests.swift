import Testing

@testable import Kernels

/// Products with packed weights against a double-precision loop over the packed values.
@Suite struct PackedProductTests {
  private static let shapes = [
    (1, 1, 1), (2, 31, 3), (5, 32, 17), (8, 33, 40), (9, 100, 64), (23, 65, 129), (300, 40, 901),
  ]

  @Test(arguments: ElementType.allCases, shapes)
  func `every element equals a double precision sum`(_ type: ElementType, _ shape: (m: Int, n: Int, k: Int)) throws {
    let (m, n, k) = shape
    let x = random(m * k, seed: 1)
    let w = random(n * k, seed: 2)
    let results = try everyArithmetic(type) { kernels, team in
      let packed = Packed(w, rows: n, columns: k, type, kernels)
      let y = Buffer(count: m * n)
      kernels.packedProduct(on: team).forward(matrix(y, m, n), matrix(x, m, k), packed.matrix)
      return Array(y.floats)
    }
    var worst = 0.0
    for i in 0..<m {
      for j in 0..<n {
        var (sum, size) = (0.0, 1e-30)
        for l in 0..<k {
          let term = Double(type.rounded(x.pointer[i * k + l])) * Double(type.rounded(w.pointer[j * k + l]))
          sum += term
          size += abs(term)
        }
        for result in results { worst = max(worst, abs(Double(result[i * n + j]) - sum) / size) }
      }
    }
    #expect(worst < 1e-6, "\(worst)")
  }

  @Test(arguments: ElementType.allCases, KernelChoice.available)
  func `bits of a row do not depend on other rows`(_ type: ElementType, _ choice: KernelChoice) {
    let (n, k) = (70, 83)
    let x = random(20 * k, seed: 3)
    let packed = Packed(random(n * k, seed: 4), rows: n, columns: k, type, choice.kernels)
    let product = choice.kernels.packedProduct(on: ThreadTeam())
    let all = Buffer(count: 20 * n)
    product.forward(matrix(all, 20, n), matrix(x, 20, k), packed.matrix)
    for count in 1...19 {
      let some = Buffer(count: count * n)
      product.forward(matrix(some, count, n), matrix(x, 20, k).rows(1..<1 + count), packed.matrix)
      #expect(Array(some.floats) == Array(all[n..<(1 + count) * n]), "\(count) rows")
    }
  }

  @Test(arguments: ElementType.allCases, KernelChoice.available)
  func `no rows give no results`(_ type: ElementType, _ choice: KernelChoice) {
    let packed = Packed(random(40 * 9, seed: 6), rows: 40, columns: 9, type, choice.kernels)
    let y = Buffer(count: 40)
    y.floats.update(repeating: 7)
    choice.kernels.packedProduct(on: ThreadTeam())
      .forward(matrix(y, 0, 40), matrix(Buffer(count: 9), 0, 9), packed.matrix)
    #expect(y.floats.allSatisfy { $0 == 7 })
  }

  @Test(arguments: ElementType.allCases, KernelChoice.available)
  func `packed rows come back rounded`(_ type: ElementType, _ choice: KernelChoice) {
    let (n, k) = (75, 21)
    let w = random(n * k, seed: 5)
    let whole = Packed(w, rows: n, columns: k, type, choice.kernels)
    let portions = Packed(rows: n, columns: k, type, choice.kernels)
    var row = 0
    for count in [1, 2, 8, 16, 5, 32, 11] {
      choice.kernels.packing.pack(matrix(w, n, k).rows(row..<row + count), into: portions.matrix, at: row)
      row += count
    }
    #expect(row == n)
    let floats = Buffer(count: k)
    for row in 0..<n {
      for packed in [whole, portions] {
        packed.matrix.unpack(row, into: floats.pointer)
        #expect(Array(floats.floats) == w[row * k..<(row + 1) * k].map { type.rounded($0) })
      }
    }
  }

  /// Packed weights and their memory.
  private struct Packed {
    let matrix: PackedMatrix
    private let buffer: Buffer

    init(rows: Int, columns: Int, _ type: ElementType, _ kernels: any KernelSet) {
      let panelRows = kernels.packing.panelRows
      buffer = Buffer(count: PackedMatrix.bytes(rows: rows, columns: columns, type, panelRows: panelRows) / 4)
      matrix = PackedMatrix(buffer.pointer, type, rows: rows, columns: columns, panelRows: panelRows)
    }

    init(_ floats: Buffer, rows: Int, columns: Int, _ type: ElementType, _ kernels: any KernelSet) {
      self.init(rows: rows, columns: columns, type, kernels)
      kernels.packing.pack(Matrix(floats.pointer, rows: rows, columns: columns), into: matrix, at: 0)
    }
  }

  private func matrix(_ buffer: Buffer, _ rows: Int, _ columns: Int) -> Matrix {
    Matrix(buffer.pointer, rows: rows, columns: columns)
  }
}

extension ElementType {
  fileprivate func rounded(_ value: Float) -> Float { self == .fp32 ? value : Float(bf16: value.bf16) }
}
