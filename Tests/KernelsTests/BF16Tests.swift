import Testing

@testable import Kernels

@Suite struct BF16Tests {
  @Test("Widening gives every bf16 its value, and rounding gives it back; but subnormals become zero")
  func exactConversions() {
    let patterns = (0...UInt16.max).map { $0 }
    var floats = [Float](repeating: 0, count: patterns.count)
    BF16.widen(&floats, patterns, count: patterns.count)
    var back = [UInt16](repeating: 0, count: patterns.count)
    BF16.round(&back, floats, count: floats.count)
    let wrong = patterns.indices.filter { index in
      let pattern = patterns[index]
      let float = Float(bitPattern: UInt32(pattern) << 16)
      if floats[index].bitPattern != float.bitPattern || Float(bf16: pattern).bitPattern != float.bitPattern {
        return true
      }
      // A NaN comes back quiet.
      let expected = float.isNaN ? pattern | 0x40 : float.isSubnormal ? pattern & 0x8000 : pattern
      return back[index] != expected || float.bf16 != expected
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5))")
  }

  @Test("Rounding goes to the nearest, ties to even, whatever is cut off")
  func rounding() {
    // What is cut off, around the tie and at both ends; behind every pattern.
    let cut: [UInt32] = [1, 0x7fff, 0x8000, 0x8001, 0xffff]
    let floats = (0...UInt32(UInt16.max)).flatMap { upper in cut.map { Float(bitPattern: upper << 16 | $0) } }
    var rounded = [UInt16](repeating: 0, count: floats.count)
    BF16.round(&rounded, floats, count: floats.count)
    let wrong = floats.indices.filter { index in
      let float = floats[index]
      if float.bf16 != rounded[index] { return true }
      let result = Float(bf16: rounded[index])
      if float.isNaN { return !result.isNaN || result.sign != float.sign }
      if float.isSubnormal { return !result.isZero || result.sign != float.sign }
      let below = UInt16(float.bitPattern >> 16)
      let lower = Double(Float(bf16: below).magnitude)
      // Beyond the greatest finite value comes what would be next: infinity stands in its place.
      let step = max(Double(Float(bf16: below & 0xff80).ulp), Double(Float.leastNonzeroMagnitude)) * 65536
      let middle = lower + step / 2
      let value = Double(float.magnitude)
      let goesUp = value > middle || (value == middle && below & 1 == 1)
      return rounded[index] != (goesUp ? below + 1 : below)
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5).map { String(floats[$0].bitPattern, radix: 16) })")
  }

  @Test("A loop's tail gives the bits of its body", arguments: [0, 1, 15, 16, 17, 33, 40])
  func tails(_ count: Int) {
    let floats = (0..<count).map { Float($0 * $0) * 1.000_123 - 70 }
    var rounded = [UInt16](repeating: 7, count: count + 1)
    BF16.round(&rounded, floats, count: count)
    #expect(rounded == floats.map(\.bf16) + [7])
    var widened = [Float](repeating: 7, count: count + 1)
    BF16.widen(&widened, rounded, count: count)
    #expect(widened == rounded.dropLast().map { Float(bf16: $0) } + [7])
  }

  @Test("Products equal a double-precision sum, in every form", arguments: BF16Product.Backend.available)
  func products(_ backend: BF16Product.Backend) {
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

  @Test("A product of no rows or no columns touches nothing", arguments: BF16Product.Backend.available)
  func emptyProducts(_ backend: BF16Product.Backend) {
    let product = BF16Product(workers: 1, backend: backend)
    var c: [Float] = [7]
    product.multiply(&c, [], [1, 2], BF16Product.Form(rows: 0, columns: 1, inner: 2), worker: 0)
    product.multiply(&c, [1, 2], [], BF16Product.Form(rows: 1, columns: 0, inner: 2), worker: 0)
    #expect(c == [7])
  }

  @Test("Several workers at once give the bits of one", arguments: BF16Product.Backend.available)
  func workers(_ backend: BF16Product.Backend) throws {
    let team = try ThreadTeam(count: 3)
    let (rows, inner, pieces) = (96, 80, 60)
    let a = random(rows * inner, seed: 1)
    let b = random(inner * 128, seed: 2)
    func results(_ team: ThreadTeam) -> [UInt32] {
      let product = BF16Product(workers: team.count, backend: backend)
      let c = Buffer(count: pieces * rows * 128)
      team.forEach(pieces) { piece, worker in
        // Several forms, most of which several workers meet.
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
    var bf16 = before
    // Twice: the second call finds everything prepared.
    for _ in 0..<2 {
      if form.cIsBF16 {
        product.multiply(&bf16, a, b, form, worker: 0)
      } else {
        floats = before.map { Float(bf16: $0) }
        product.multiply(&floats, a, b, form, worker: 0)
      }
    }
    if form.cIsBF16 { floats = bf16.map { Float(bf16: $0) } }

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
        // One rounding a term, and bf16's own of half a unit in the eighth bit.
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
