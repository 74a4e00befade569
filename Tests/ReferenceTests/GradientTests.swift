import Reference
import Testing

@Suite struct GradientTests {
  /// For a random direction r of each tensor, r·gradient is compared with the fourth-order central difference of the
  /// loss:
  ///
  ///     (8·(f(+δ) − f(−δ)) − (f(+2δ) − f(−2δ))) / 12δ
  ///
  /// Every element of r is normal(0, 1), so that r·gradient has the magnitude of the gradient's norm, and the error is
  /// measured relative to that norm. The error of the difference is proportional to δ⁴, about 1e-8 of the norm here.
  @Test(arguments: Case.all)
  func `the gradient agrees with finite differences`(testCase: Case) throws {
    let (model, sequences, zLoss) = (testCase.model, testCase.sequences, 0.01)
    let gradient = model.gradient(sequences: sequences, zLoss: zLoss)
    #expect(Set(gradient.keys) == Set(model.weights.keys))
    var generator = SplitMix64(seed: testCase.seed &+ 77)
    for (name, _) in model.dimensions.parameterShapes {
      let analytic = try #require(gradient[name])
      let weights = try #require(model.weights[name])
      let direction = weights.map { _ in generator.normal() }
      func loss(_ shift: Double) -> Double {
        var moved = model
        moved.weights[name] = zip(weights, direction).map { $0 + shift * $1 }
        let (crossEntropy, zTerm) = moved.loss(sequences: sequences, zLoss: zLoss)
        return crossEntropy + zTerm
      }
      let step = 1e-4
      let numeric = (8 * (loss(step) - loss(-step)) - (loss(2 * step) - loss(-2 * step))) / (12 * step)
      let product = zip(analytic, direction).reduce(0) { $0 + $1.0 * $1.1 }
      let norm = ReferenceAdamW.globalNorm([name: analytic])
      #expect(norm > 1e-4, "\(name) has a gradient")
      #expect(abs(numeric - product) <= 1e-7 * norm, "\(name): \(product), by differences \(numeric)")
    }
  }

  @Test(arguments: Case.all)
  func `the loss with the gradient equals the loss alone`(testCase: Case) {
    let (model, sequences) = (testCase.model, testCase.sequences)
    let together = model.lossAndGradient(sequences: sequences, zLoss: 0.01)
    let alone = model.loss(sequences: sequences, zLoss: 0.01)
    #expect(together.crossEntropy == alone.crossEntropy)
    #expect(together.zTerm == alone.zTerm)
  }

  @Test(arguments: Case.all.filter(\.tied))
  func `a tied embedding's gradient is the sum of the two untied gradients`(testCase: Case) throws {
    let tied = testCase.model
    var dimensions = tied.dimensions
    dimensions.tieWordEmbeddings = false
    var weights = tied.weights
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    let untied = ReferenceModel(dimensions: dimensions, pattern: testCase.pattern, weights: weights)
    #expect(tied.logits(tokens: [1, 2, 3]) == untied.logits(tokens: [1, 2, 3]))
    let one = try #require(tied.gradient(sequences: testCase.sequences)["model.embed_tokens.weight"])
    let two = untied.gradient(sequences: testCase.sequences)
    let embedding = try #require(two["model.embed_tokens.weight"])
    let head = try #require(two["lm_head.weight"])
    for (sum, parts) in zip(one, zip(embedding, head)) { #expect(abs(sum - parts.0 - parts.1) < 1e-14) }
  }

  @Test func `embeddings of tokens that are not inputs have no gradient`() throws {
    let model = Case(pattern: .swa(repeats: 2, window: 3), positions: []).model
    let gradient = try #require(model.gradient(sequences: [[1, 2, 3, 4]])["model.embed_tokens.weight"])
    for token in 0..<23 {
      let row = gradient[token * 24..<(token + 1) * 24]
      #expect(row.allSatisfy { $0 == 0 } == ![1, 2, 3].contains(token), "token \(token)")
    }
  }
}
