import Foundation
import JSON
import TestSupport
import Testing

@testable import Reports

@Suite struct LogComparisonTests {
  /// Falling losses with noise that is correlated between steps.
  private func losses(
    _ count: Int, offset: Double, persistence: Double, with random: inout SplitMix
  ) -> [(position: Double, loss: Double)] {
    var noise = 0.0
    return (1...count).map { step in
      let luck = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
      noise = persistence * noise + luck * 0.05
      return (Double(step), 2 + 5 / Double(step).squareRoot() + offset + noise)
    }
  }

  @Test(arguments: [0.0, 0.5]) func `the confidence interval has its nominal coverage`(persistence: Double) throws {
    var random = SplitMix(state: 21)
    let trials = 600
    var held = 0
    for _ in 0..<trials {
      let one = losses(1000, offset: 0.02, persistence: persistence, with: &random)
      let other = losses(1000, offset: 0, persistence: persistence, with: &random)
      let difference = try #require(LossDifference(one, other, over: 800...1000))
      #expect(difference.blocks == LossDifference.maximumBlocks)
      if abs(difference.mean - 0.02) <= (try #require(difference.halfWidth)) { held += 1 }
    }
    // 95 % of 600 is 570; the correlation over blocks of ten steps reduces it a little.
    #expect((540...592).contains(held), "\(held) of \(trials)")
  }

  @Test func `the common trend of two runs does not widen the interval`() throws {
    var random = SplitMix(state: 22)
    let one = losses(400, offset: 0, persistence: 0, with: &random)
    let shifted = one.map { (position: $0.position, loss: $0.loss - 0.01) }
    let difference = try #require(LossDifference(shifted, one, over: 360...400))
    #expect(abs(difference.mean + 0.01) < 1e-12 && (difference.halfWidth ?? 1) < 1e-12)
    // The same curve, recorded half as often.
    let coarse = one.filter { Int($0.position) % 2 == 0 }
    #expect(abs(try #require(LossDifference(coarse, one, over: 200...400)).mean) < 0.02)
    #expect(LossDifference(one, [], over: 360...400) == nil)
    #expect(LossDifference(one, one, over: 398...400)?.halfWidth == nil)
  }

  @Test func `runs are compared at the end of the shorter one, on each axis`() throws {
    let folder = try TemporaryFolder()
    let one = try TestLog.run(1...300).write(
      to: folder, "one", configuration: ["name": "one", "seed": 1, "model": ["hidden_size": 64, "layers": 2]])
    var made = TestLog.run(1...200, flops: 2_000_000, seconds: 1, offset: -0.1)
    made.add(["event": "validation", "step": 200, "set": "books", "loss": 2])
    let two = try made.write(
      to: folder, "two", configuration: ["name": "two", "seed": 1, "model": ["hidden_size": 64, "pattern": "cswa"]])
    let comparison = LogComparison(try [one, two].map { try RunLog(path: $0) })
    let positions = Dictionary(uniqueKeysWithValues: comparison.axisComparisons.map { ($0.axis, $0.position) })
    #expect(positions == [.tokens: 200 * 4096, .flops: 300e6, .time: 150])
    let atTokens = try #require(comparison.axisComparisons.first?.differences[1])
    // The same seed yields the same noise, so the difference is the offset.
    #expect(abs(atTokens.mean + 0.1) < 1e-9 && comparison.axisComparisons[0].differences[0] == nil)
    // At equal operations the second run has done half as many steps, so its loss is higher.
    #expect(try #require(comparison.axisComparisons[1].differences[1]).mean > -0.1)
    let keys = try #require(comparison.differingKeys)
    #expect(keys.map(\.key) == ["model.layers", "model.pattern"])
    #expect(keys[0].values == [2, nil] && keys[1].values == [nil, "cswa"])
    #expect(comparison.validations.isEmpty)
    #expect(comparison.json["same"]?["tokens"]?["differences"]?.array?.count == 2)
    #expect(comparison.text.contains("model.layers"))

    let bare = try TestLog.run(1...50).write(to: folder, "bare")
    let without = LogComparison(try [one, bare].map { try RunLog(path: $0) })
    #expect(without.differingKeys == nil && without.text.contains("no readable config.json"))

    let faces = try TestLog.run(1...50).write(to: folder, "👩‍👩‍👧‍👦 and 🇩🇪")
    let rows = LogComparison(try [bare, faces].map { try RunLog(path: $0) }).text.split(separator: "\n")
    #expect(rows.contains { $0.hasPrefix("  👩‍👩‍👧‍👦 and 🇩🇪  50 steps") })
  }
}
