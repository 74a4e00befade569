import Foundation
import Reference
import Testing

@Suite struct OptimizerTests {
  @Test func `the cosine schedule has the expected rates`() {
    let schedule = ReferenceSchedule(.cosine, learningRate: 2, warmupSteps: 4, steps: 12, finalFraction: 0.1)
    #expect(close(schedule.rate(step: 1), 0.5))
    #expect(close(schedule.rate(step: 4), 2))
    #expect(close(schedule.rate(step: 8), 1.1))
    #expect(close(schedule.rate(step: 6), 2 * (0.1 + 0.9 * (1 + 0.5.squareRoot()) / 2)))
    #expect(close(schedule.rate(step: 12), 0.2))
  }

  @Test func `the wsd schedule has the expected rates`() {
    let schedule = ReferenceSchedule(
      .wsd, learningRate: 2, warmupSteps: 2, steps: 10, finalFraction: 0.25, decaySteps: 4)
    let rates = (1...10).map(schedule.rate(step:))
    for (rate, expected) in zip(rates, [1, 2, 2, 2, 2, 2, 1.625, 1.25, 0.875, 0.5]) { #expect(close(rate, expected)) }
  }

  @Test func `the constant schedule has the expected rates`() {
    let schedule = ReferenceSchedule(.constant, learningRate: 2, warmupSteps: 4, steps: 10)
    #expect((1...6).map(schedule.rate(step:)) == [0.5, 1, 1.5, 2, 2, 2])
    #expect(ReferenceSchedule(.constant, learningRate: 2, steps: 10).rate(step: 1) == 2)
  }

  /// At step 1, m̂ = g and v̂ = g² for any β, so the update is lr·(sign(g) + wd·p) without epsilon and clipping.
  @Test func `the first step has the direction of the sign of the gradient`() throws {
    let schedule = ReferenceSchedule(.constant, learningRate: 0.5, steps: 1)
    let optimizer = ReferenceAdamW(
      schedule: schedule, epsilon: 0, weightDecay: 0.1, noWeightDecay: ["b"], gradientClip: nil)
    var weights = ["a": [1.0, -2], "b": [3.0]]
    var state = ReferenceAdamW.State()
    let norm = optimizer.update(&weights, gradient: ["a": [3, -4], "b": [-12]], state: &state)
    #expect(norm == 13)
    let a = try #require(weights["a"])
    #expect(close(a[0], 1 - 0.5 * (1 + 0.1)) && close(a[1], -2 + 0.5 * (1 + 0.2)))
    #expect(try close(#require(weights["b"]?.first), 3.5))
  }

  /// Clipping to 1 applies in the first step and not in the second.
  @Test func `two steps equal a calculation by hand`() throws {
    let schedule = ReferenceSchedule(.constant, learningRate: 0.1, steps: 2)
    let optimizer = ReferenceAdamW(
      schedule: schedule, beta1: 0.5, beta2: 0.75, epsilon: 0.01, weightDecay: 0, gradientClip: 1)
    var weights = ["p": [1.0]]
    var state = ReferenceAdamW.State()
    let first = 2 * (1 / (2 + 1e-6))
    optimizer.update(&weights, gradient: ["p": [2]], state: &state)
    let afterOne = 1 - 0.1 * first / (first + 0.01)
    #expect(try close(#require(weights["p"]?.first), afterOne))
    optimizer.update(&weights, gradient: ["p": [0.5]], state: &state)
    let m = (0.25 * first + 0.25) / 0.75
    let v = (0.75 * 0.25 * first * first + 0.25 * 0.25) / (1 - 0.75 * 0.75)
    #expect(try close(#require(weights["p"]?.first), afterOne - 0.1 * m / (v.squareRoot() + 0.01)))
    #expect(state.step == 2)
  }

  @Test func `ten steps on one batch lower its loss`() {
    let testCase = Case(pattern: .cswa(repeats: 3, window: 4, chunk: 5), positions: [13, 13])
    let optimizer = ReferenceAdamW(
      schedule: ReferenceSchedule(.cosine, learningRate: 0.01, warmupSteps: 2, steps: 10))
    let run = optimizer.train(testCase.model, sequences: testCase.sequences, zLoss: 1e-4, steps: 10)
    #expect(run.losses.count == 10 && run.gradientNorms.count == 10 && run.zTerms.count == 10)
    #expect(run.learningRates == (1...10).map(optimizer.schedule.rate(step:)))
    #expect(run.losses[9] < run.losses[0] - 1)
    #expect(run.state.step == 10)
    let again = optimizer.train(testCase.model, sequences: testCase.sequences, zLoss: 1e-4, steps: 10)
    #expect(again.model.weights == run.model.weights && again.losses == run.losses)
  }

  private func close(_ one: Double, _ other: Double) -> Bool { abs(one - other) <= 1e-14 * max(1, abs(other)) }
}

@Suite struct RandomTests {
  /// The published first outputs of SplitMix64 from the seed 1234567.
  @Test func `SplitMix64 gives the published numbers`() {
    var generator = SplitMix64(seed: 1_234_567)
    let numbers = (0..<3).map { _ in generator.next() }
    #expect(numbers == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test func `normal numbers have the moments of the normal distribution`() {
    var generator = SplitMix64(seed: 5)
    let numbers = (0..<100_000).map { _ in generator.normal() }
    let moments = (1...4).map { power in numbers.reduce(0) { $0 + pow($1, Double(power)) } / 100_000 }
    for (moment, expected) in zip(moments, [0, 1, 0, 3.0]) { #expect(abs(moment - expected) < 0.1) }
  }

  @Test func `weights depend on the seed and are exact in single precision`() {
    let testCase = Case(pattern: .vanilla, positions: [])
    let weights = testCase.model.weights
    #expect(testCase.model.weights == weights)
    #expect(Case(pattern: .vanilla, positions: [], seed: 2).model.weights != weights)
    #expect(weights.values.allSatisfy { $0.allSatisfy { Double(Float($0)) == $0 } })
    #expect(weights["model.norm.weight"]?.contains(1) == false)
  }
}
