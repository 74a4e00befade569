import Foundation
import Reference
import Testing

@Suite struct ForwardTests {
  @Test(arguments: Case.hiddenDecoding)
  func `originals are vanilla bit for bit`(testCase: Case) throws {
    let tokens = try #require(testCase.sequences.first)
    let model = testCase.model
    let vanilla = model.with(pattern: .vanilla)
    let originals = model.hiddenStates(tokens: tokens).map { Array($0.prefix(tokens.count)) }
    #expect(originals == vanilla.hiddenStates(tokens: tokens))
    let caches = zip(model.keysAndValues(tokens: tokens), vanilla.keysAndValues(tokens: tokens))
    for (hidden, plain) in caches {
      #expect(Array(hidden.keys.prefix(tokens.count)) == plain.keys)
      #expect(Array(hidden.values.prefix(tokens.count)) == plain.values)
    }
  }

  /// The naive pattern's originals see the hidden copies of earlier positions, so they differ from position 1 on.
  @Test func `originals of the naive pattern are not vanilla`() {
    let model = Case(pattern: .naive(repeats: 2), positions: [4]).model
    let tokens = [3, 1, 4, 1]
    let naive = model.hiddenStates(tokens: tokens)[2]
    let vanilla = model.with(pattern: .vanilla).hiddenStates(tokens: tokens)[2]
    #expect(naive[0] == vanilla[0])
    #expect(naive[3] != vanilla[3])
  }

  /// The logits of a prefix equal those of the whole sequence.
  @Test(arguments: Case.all)
  func `logits are causal bit for bit`(testCase: Case) throws {
    let model = testCase.model
    let tokens = try #require(testCase.sequences.first)
    let logits = model.logits(tokens: tokens)
    for length in 1..<tokens.count {
      #expect(model.logits(tokens: Array(tokens.prefix(length))) == Array(logits.prefix(length)))
    }
    var changed = tokens
    changed[tokens.count / 2] = (changed[tokens.count / 2] + 1) % 23
    let changedLogits = model.logits(tokens: changed)
    #expect(changedLogits.prefix(tokens.count / 2) == logits.prefix(tokens.count / 2))
    for n in tokens.count / 2..<tokens.count { #expect(changedLogits[n] != logits[n]) }
  }

  @Test(arguments: oneCopy)
  func `one copy is vanilla bit for bit`(pattern: ReferencePattern) {
    let model = Case(pattern: .vanilla, positions: []).model
    let tokens = [5, 0, 22, 7, 7, 1, 13]
    #expect(model.with(pattern: pattern).logits(tokens: tokens) == model.logits(tokens: tokens))
  }

  @Test(arguments: [
    (ReferencePattern.swa(repeats: 3, window: 1), ReferencePattern.phd(repeats: 3)),
    (.cswa(repeats: 3, window: 4, chunk: 7), .swa(repeats: 3, window: 4)),
    (.swa(repeats: 3, window: 7), .swa(repeats: 3, window: 100)),
  ])
  func `patterns are equal bit for bit in their limiting cases`(one: ReferencePattern, other: ReferencePattern) {
    let model = Case(pattern: one, positions: []).model
    let tokens = [5, 0, 22, 7, 7, 1, 13]
    #expect(model.logits(tokens: tokens) == model.with(pattern: other).logits(tokens: tokens))
  }

  /// Only at the first position of a chunk does a hidden copy see the same keys as in PHD.
  @Test func `hidden copies at the first position of a chunk equal those of PHD`() {
    let model = Case(pattern: .cswa(repeats: 3, window: 4, chunk: 3), positions: []).model
    let tokens = [5, 0, 22, 7, 7, 1, 13]
    let chunked = model.logits(tokens: tokens)
    let alone = model.with(pattern: .phd(repeats: 3)).logits(tokens: tokens)
    for n in tokens.indices { #expect((chunked[n] == alone[n]) == (n % 3 == 0), "position \(n)") }
  }

  /// The copies of a token have the same embedding and differ only by the keys that they see. At position 0 all keys
  /// are equal, so the copies stay equal up to rounding.
  @Test func `copies of a token start equal and become different`() {
    let model = Case(pattern: .phd(repeats: 2), positions: []).model
    let tokens = [5, 0, 22]
    let states = model.hiddenStates(tokens: tokens)
    #expect(states.count == 3)
    for n in tokens.indices {
      let first = ReferenceModel.row(position: n, copy: 1, positions: 3)
      let second = ReferenceModel.row(position: n, copy: 2, positions: 3)
      #expect(states[0][first] == states[0][second])
      let distance = zip(states[2][first], states[2][second]).map { abs($0 - $1) }.max() ?? 0
      #expect(n == 0 ? distance < 1e-13 : distance > 1e-3, "position \(n)")
    }
  }

  /// All values are equal in a sequence of one repeated token, so attention and logits are the same at every position.
  @Test(arguments: [ReferencePattern.vanilla, .phd(repeats: 1), .naive(repeats: 3)])
  func `a constant sequence has constant logits`(pattern: ReferencePattern) {
    let logits = Case(pattern: pattern, positions: []).model.logits(tokens: [4, 4, 4, 4, 4])
    for row in logits {
      for (value, first) in zip(row, logits[0]) { #expect(abs(value - first) < 1e-12) }
    }
  }
}

@Suite struct LossTests {
  /// A head of zeros predicts uniformly: the cross-entropy is log V, the z term weight·log² V.
  @Test func `uniform predictions have the loss log V`() {
    var model = Case(pattern: .phd(repeats: 2), positions: []).model
    model.weights["lm_head.weight"] = [Double](repeating: 0, count: 23 * 24)
    let (crossEntropy, zTerm) = model.loss(sequences: [[1, 2, 3, 4], [5, 6]], zLoss: 0.5)
    #expect(abs(crossEntropy - log(23)) < 1e-14)
    #expect(abs(zTerm - 0.5 * log(23) * log(23)) < 1e-14)
  }

  /// The expected cross-entropies of `Case.all` agreed to 2e-15 with an independent NumPy program with interleaved rows
  /// and the same weights. The tolerance allows for weights computed with another libm.
  @Test(
    arguments: zip(
      Case.all,
      [
        3.32317752963412, 3.624736118274301, 3.668563972570386, 3.5815097168763725, 3.3814200892810446,
        3.6900517915348816, 3.683593930307503, 3.4036009431402587, 4.002613083069322, 3.346060516442364,
        3.9327089655703418, 3.6841996064909295, 3.0674978858861137,
      ]))
  func `losses equal those of an independent program`(testCase: Case, crossEntropy: Double) {
    #expect(abs(testCase.model.loss(sequences: testCase.sequences).crossEntropy - crossEntropy) < 1e-7)
  }

  @Test(arguments: Case.all.filter { $0.positions.count == 2 })
  func `the mean is over target tokens`(testCase: Case) {
    let model = testCase.model
    let whole = model.loss(sequences: testCase.sequences, zLoss: 0.1)
    let parts = testCase.sequences.map { model.loss(sequences: [$0], zLoss: 0.1) }
    let total = Double(testCase.positions.reduce(0, +))
    let weights = testCase.positions.map { Double($0) / total }
    #expect(abs(whole.crossEntropy - zip(weights, parts).reduce(0) { $0 + $1.0 * $1.1.crossEntropy }) < 1e-13)
    #expect(abs(whole.zTerm - zip(weights, parts).reduce(0) { $0 + $1.0 * $1.1.zTerm }) < 1e-13)
  }
}
