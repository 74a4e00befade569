import Testing

@testable import Kernels

@Suite struct MatrixProductTests {
  @Test func `products equal a double precision loop`() throws {
    let product = MatrixProduct(of: .fp32, on: try ThreadTeam(count: 2))
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
  func `bits depend neither on threads nor on other rows`(_ type: ElementType) throws {
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
    func results(threads: Int, rows: Range<Int>) throws -> [[Float]] {
      let product = MatrixProduct(of: type, on: try ThreadTeam(count: threads), bf16: .panels)
      let (y, dx, dw) = (Buffer(count: rows.count * n), Buffer(count: rows.count * k), Buffer(count: n * k))
      product.forward(
        Matrix(y.pointer, rows: rows.count, columns: n), xs.rows(rows), ws, segment: rows.count)
      product.inputGradient(
        Matrix(dx.pointer, rows: rows.count, columns: k), dys.rows(rows), ws, segment: rows.count)
      product.weightGradient(Matrix(dw.pointer, rows: n, columns: k), dys, xs)
      return [y, dx, dw].map { Array($0.floats) }
    }
    let whole = try results(threads: 1, rows: 0..<m)
    for threads in [2, 3, 7] { #expect(try results(threads: threads, rows: 0..<m) == whole) }
    for rows in [0..<1, 3..<12, 100..<210] {
      let part = try results(threads: 2, rows: rows)
      #expect(part[0] == Array(whole[0][rows.lowerBound * n..<rows.upperBound * n]))
      #expect(part[1] == Array(whole[1][rows.lowerBound * k..<rows.upperBound * k]))
    }
  }
}
