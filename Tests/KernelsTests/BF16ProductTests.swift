import Testing

@testable import Kernels

@Suite struct BF16ProductTests {
  @Test(arguments: BF16Product.Backend.available)
  func `products equal a double precision sum in every form`(_ backend: BF16Product.Backend) {
    let product = BF16Product(workers: 1, backend: backend)
    var seed: UInt64 = 1
    for (m, n, k) in [
      (1, 1, 1), (1, 17, 5), (7, 1, 3), (33, 20, 1), (16, 48, 64), (70, 33, 129), (129, 257, 65), (50, 67, 1100),
    ] {
      for gap in [0, 3, 16] {
        for (aTransposed, bTransposed) in [(false, false), (false, true), (true, false), (true, true)] {
          for (cIsBF16, accumulating) in [(false, false), (false, true), (true, false)] {
            let form = BF16Product.Form(
              rows: m, columns: n, inner: k, aTransposed: aTransposed, bTransposed: bTransposed,
              aStride: (aTransposed ? m : k) + gap, bStride: (bTransposed ? k : n) + gap, cStride: n + gap,
              cIsBF16: cIsBF16, accumulating: accumulating)
            seed += 1
            check(form, product, seed: seed)
          }
        }
      }
    }
  }

  @Test(arguments: BF16Product.Backend.available)
  func `empty products write nothing`(_ backend: BF16Product.Backend) {
    let product = BF16Product(workers: 1, backend: backend)
    var c: [Float] = [7]
    product.multiply(&c, [], [1, 2], BF16Product.Form(rows: 0, columns: 1, inner: 2), worker: 0)
    product.multiply(&c, [1, 2], [], BF16Product.Form(rows: 1, columns: 0, inner: 2), worker: 0)
    #expect(c == [7])
  }

  @Test(arguments: BF16Product.Backend.available)
  func `concurrent workers give the bits of one`(_ backend: BF16Product.Backend) throws {
    let team = try ThreadTeam(count: 3)
    let (rows, inner, pieces) = (96, 80, 60)
    let a = random(rows * inner, seed: 1)
    let b = random(inner * 128, seed: 2)
    func results(_ team: ThreadTeam) -> [UInt32] {
      let product = BF16Product(workers: team.count, backend: backend)
      let c = Buffer(count: pieces * rows * 128)
      team.forEach(pieces) { piece, worker in
        // Several forms, most of which several workers use.
        let form = BF16Product.Form(
          rows: rows, columns: 128 - piece % 7, inner: inner, aTransposed: piece % 2 == 1, bTransposed: piece % 3 == 1,
          cStride: 128, cIsBF16: piece % 5 == 4)
        product.multiply(c.pointer + piece * rows * 128, a, b, form, worker: worker)
      }
      return c.floats.map(\.bitPattern)
    }
    let alone = results(ThreadTeam())
    #expect(alone.contains { $0 != 0 })
    for _ in 0..<5 { #expect(results(team) == alone) }
  }

  /// Multiplies random matrices of a form, and checks every element of the result and of the gaps between its rows.
  private func check(_ form: BF16Product.Form, _ product: BF16Product, seed: UInt64) {
    let a = random((form.aTransposed ? form.inner : form.rows) * form.aStride, seed: seed)
    let b = random((form.bTransposed ? form.columns : form.inner) * form.bStride, seed: ~seed)
    let before = random(form.rows * form.cStride, seed: seed << 32)
    var floats = before.map { Float(bf16: $0) }
    var rounded = before
    // Twice: the second call uses the prepared primitive.
    for _ in 0..<2 {
      if form.cIsBF16 {
        product.multiply(&rounded, a, b, form, worker: 0)
      } else {
        floats = before.map { Float(bf16: $0) }
        product.multiply(&floats, a, b, form, worker: 0)
      }
    }
    if form.cIsBF16 { floats = rounded.map { Float(bf16: $0) } }

    var wrong = 0
    for row in 0..<form.rows {
      for column in 0..<form.cStride {
        let start = Double(Float(bf16: before[row * form.cStride + column]))
        let result = Double(floats[row * form.cStride + column])
        if column >= form.columns {
          if result != start { wrong += 1 }
          continue
        }
        var sum = form.accumulating ? start : 0
        var magnitudes = abs(sum)
        for index in 0..<form.inner {
          let x = a[form.aTransposed ? index * form.aStride + row : row * form.aStride + index]
          let y = b[form.bTransposed ? column * form.bStride + index : index * form.bStride + column]
          let term = Double(Float(bf16: x)) * Double(Float(bf16: y))
          sum += term
          magnitudes += abs(term)
        }
        // One rounding per term, and bf16's rounding of half a unit in the eighth bit.
        let tolerance =
          magnitudes * Double(form.inner) * Double(Float.ulpOfOne) / 2 + (form.cIsBF16 ? abs(sum) * 0x1p-8 : 0)
        if !(abs(result - sum) <= tolerance * 1.01) { wrong += 1 }
      }
    }
    #expect(wrong == 0, "\(wrong) elements of \(form)")
  }

  /// Values in [−1, 1).
  private func random(_ count: Int, seed: UInt64) -> [UInt16] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31).bf16
    }
  }
}
