import Testing

@testable import Kernels

@Suite struct MatrixProductTests {
  @Test(arguments: KernelChoice.available)
  func `products equal a double precision loop`(_ choice: KernelChoice) throws {
    let product = MatrixProduct(of: .fp32, on: try ThreadTeam(count: 2), choice.kernels, byLibrary: false)
    for (m, n, k, segment) in [
      (1, 1, 1, 1), (7, 5, 3, 7), (70, 33, 20, 35), (1100, 1030, 17, 550), (120, 2100, 1100, 120), (9, 40, 1025, 9),
    ] {
      let x = random(m * k, seed: 1)
      let w = random(n * k, seed: 2)
      let y = Buffer(count: m * n)
      product.forward(
        Matrix(y.pointer, rows: m, columns: n), Matrix(x.pointer, rows: m, columns: k),
        Matrix(w.pointer, rows: n, columns: k), segment: segment)
      // y serves as dy.
      let dx = Buffer(count: m * k)
      product.inputGradient(
        Matrix(dx.pointer, rows: m, columns: k), Matrix(y.pointer, rows: m, columns: n),
        Matrix(w.pointer, rows: n, columns: k), segment: segment)
      let dw = Buffer(count: n * k)
      dw.pointer.update(repeating: 1, count: n * k)
      product.weightGradient(
        Matrix(dw.pointer, rows: n, columns: k), Matrix(y.pointer, rows: m, columns: n),
        Matrix(x.pointer, rows: m, columns: k))
      for (i, j) in [(0, 0), (m - 1, n - 1), (m / 2, n / 3)] {
        let expected = (0..<k).reduce(0.0) { $0 + Double(x.pointer[i * k + $1]) * Double(w.pointer[j * k + $1]) }
        #expect(abs(Double(y.pointer[i * n + j]) - expected) < 1e-5 * max(1, Double(k) / 20))
        let c = (i + j) % k
        let expectedX = (0..<n).reduce(0.0) { $0 + Double(y.pointer[i * n + $1]) * Double(w.pointer[$1 * k + c]) }
        #expect(abs(Double(dx.pointer[i * k + c]) - expectedX) < 1e-4 * max(1, abs(expectedX)))
        let expectedW = (0..<m).reduce(1.0) { $0 + Double(y.pointer[$1 * n + j]) * Double(x.pointer[$1 * k + c]) }
        #expect(abs(Double(dw.pointer[j * k + c]) - expectedW) < 1e-3 * max(1, abs(expectedW)))
      }
    }
  }

  @Test(arguments: ElementType.allCases)
  func `bits depend neither on kernel sets nor threads nor other rows`(_ type: ElementType) throws {
    let (m, n, k) = (210, 2150, 1300)
    let (x, w, dy) = (random(m * k, seed: 1), random(n * k, seed: 2), random(m * n, seed: 3))
    func matrix(_ buffer: Buffer, _ rows: Int, _ columns: Int) -> Matrix {
      let floats = Matrix(buffer.pointer, rows: rows, columns: columns)
      if type == .fp32 { return floats }
      let copy = Buffer(count: buffer.count)
      let rounded = Matrix(UnsafeMutableRawPointer(copy.pointer), .bf16, rows: rows, columns: columns)
      rounded.copy(from: floats, on: ThreadTeam())
      floats.base.copyMemory(from: rounded.base, byteCount: 2 * buffer.count)
      return Matrix(floats.base, .bf16, rows: rows, columns: columns)
    }
    let (xs, ws, dys) = (matrix(x, m, k), matrix(w, n, k), matrix(dy, m, n))
    func results(_ kernels: any KernelSet, _ team: ThreadTeam, rows: Range<Int>) -> [[Float]] {
      let product = MatrixProduct(of: type, on: team, kernels, byLibrary: false)
      let (y, dx, dw) = (Buffer(count: rows.count * n), Buffer(count: rows.count * k), Buffer(count: n * k))
      product.forward(
        Matrix(y.pointer, rows: rows.count, columns: n), xs.rows(rows), ws, segment: rows.count)
      product.inputGradient(
        Matrix(dx.pointer, rows: rows.count, columns: k), dys.rows(rows), ws, segment: rows.count)
      product.weightGradient(Matrix(dw.pointer, rows: n, columns: k), dys, xs)
      return [y, dx, dw].map { Array($0.floats) }
    }
    let whole = try everyArithmetic(type) { kernels, team in results(kernels, team, rows: 0..<m) }
    for rows in [0..<1, 3..<12, 100..<210] {
      for part in try everyArithmetic(type, { kernels, team in results(kernels, team, rows: rows) }) {
        #expect(
          whole.contains {
            part[0] == Array($0[0][rows.lowerBound * n..<rows.upperBound * n])
              && part[1] == Array($0[1][rows.lowerBound * k..<rows.upperBound * k])
          }, "rows \(rows)")
      }
    }
  }

  /// The code that multiplies bf16: each kernel set's, and oneDNN.
  private static let bf16Products =
    KernelChoice.available.map { ($0, false) }
    + (Processor.hasAVX512 ? [(KernelChoice.avx512, true)] : [])

  @Test(arguments: bf16Products)
  func `products of bf16 with gaps between rows equal a double precision sum`(
    _ choice: KernelChoice, _ byLibrary: Bool
  ) throws {
    let product = MatrixProduct(of: .bf16, on: ThreadTeam(), choice.kernels, byLibrary: byLibrary)
    var seed: UInt64 = 1
    for (m, n, k) in [
      (0, 3, 2), (1, 1, 1), (1, 17, 5), (7, 1, 3), (33, 20, 1), (16, 48, 64), (70, 33, 129), (129, 257, 65),
      (50, 67, 1100),
    ] {
      for gap in [0, 3, 16] {
        func operand(_ type: ElementType, _ rows: Int, _ columns: Int) -> TestMatrix {
          seed += 1
          return TestMatrix(type, rows: rows, columns: columns + gap, seed: seed)
        }
        let (x, w, dy) = (operand(.bf16, m, k), operand(.bf16, n, k), operand(.bf16, m, n))
        func check(
          _ name: String, _ c: TestMatrix, _ columns: Int, adding: Bool, inner: Int,
          term: (_ row: Int, _ column: Int, _ index: Int) -> Double, multiply: (Matrix) -> Void
        ) {
          let before = c.values
          // Twice: the second call uses what the first prepared.
          for time in 0..<(adding ? 1 : 2) {
            multiply(c.matrix.columns(0..<columns))
            var wrong = 0
            for row in 0..<c.matrix.rows {
              for column in 0..<columns + gap {
                let start = before[row * (columns + gap) + column]
                if column >= columns {
                  if c[row, column] != start { wrong += 1 }
                  continue
                }
                let terms = (0..<inner).map { term(row, column, $0) } + (adding ? [start] : [])
                let sum = terms.reduce(0, +)
                // One rounding for each term, and bf16's rounding of half a unit in the eighth bit.
                let tolerance =
                  terms.reduce(0) { $0 + abs($1) } * Double(inner) * Double(Float.ulpOfOne) / 2
                  + (c.matrix.type == .bf16 ? abs(sum) * 0x1p-8 : 0)
                if !(abs(c[row, column] - sum) <= tolerance * 1.01) { wrong += 1 }
              }
            }
            #expect(wrong == 0, "\(wrong) elements of \(name), \(m) × \(n) × \(k), gap \(gap), time \(time)")
          }
        }
        let (xs, ws, dys) = (
          x.matrix.columns(0..<k), w.matrix.columns(0..<k), dy.matrix.columns(0..<n)
        )
        for type in ElementType.allCases {
          check(
            "y", operand(type, m, n), n, adding: false, inner: k, term: { x[$0, $2] * w[$1, $2] },
            multiply: { product.forward($0, xs, ws, segment: max(m, 1)) })
          check(
            "dx", operand(type, m, k), k, adding: false, inner: n, term: { dy[$0, $2] * w[$2, $1] },
            multiply: { product.inputGradient($0, dys, ws, segment: max(m, 1)) })
        }
        check(
          "dx added", operand(.fp32, m, k), k, adding: true, inner: n, term: { dy[$0, $2] * w[$2, $1] },
          multiply: { product.inputGradient($0, dys, ws, accumulating: true, segment: max(m, 1)) })
        check(
          "dw", operand(.fp32, n, k), k, adding: true, inner: m, term: { dy[$2, $0] * x[$2, $1] },
          multiply: { product.weightGradient($0, dys, xs) })
      }
    }
  }

  @Test(.enabled(if: Processor.hasAVX512, "this processor has no AVX-512, which oneDNN's bf16 products need"))
  func `the library's bits do not depend on threads`() throws {
    let (m, n, k) = (2100, 70, 90)
    let (x, w) = (TestMatrix(.bf16, rows: m, columns: k, seed: 1), TestMatrix(.bf16, rows: n, columns: k, seed: 2))
    func result(threads: Int) throws -> [Double] {
      let y = TestMatrix(.fp32, rows: m, columns: n)
      let product = MatrixProduct(
        of: .bf16, on: try ThreadTeam(count: threads), KernelChoice.avx512.kernels, byLibrary: true)
      product.forward(y.matrix, x.matrix, w.matrix, segment: m)
      return y.values
    }
    let alone = try result(threads: 1)
    for _ in 0..<5 { #expect(try result(threads: 3) == alone) }
  }
}
