import Kernels
import Reference
import Testing

@testable import Transformer

/// `HiddenDecoding.sees`, which pictures are drawn from, compared with the reference's mask and with the attention
/// kernel.
@Suite struct VisibilityTests {
  private static let patterns: [ReferencePattern] = [
    .vanilla, .naive(repeats: 2), .naive(repeats: 3), .phd(repeats: 2), .phd(repeats: 4), .swa(repeats: 2, window: 3),
    .swa(repeats: 3, window: 50), .cswa(repeats: 2, window: 3, chunk: 4), .cswa(repeats: 3, window: 9, chunk: 5),
    .cswa(repeats: 3, window: 2, chunk: 1),
  ]
  private static let positions = 13

  private func sees(_ pattern: ReferencePattern) -> [[Bool]] {
    let tokens = (0..<pattern.repeats).flatMap { copy in
      (0..<Self.positions).map { TokenCopy(position: $0, copy: copy) }
    }
    return tokens.map { query in tokens.map { pattern.hiddenDecoding.sees($0, from: query) } }
  }

  @Test(arguments: patterns)
  func `visible keys are those of the reference's mask`(_ pattern: ReferencePattern) {
    let model = Case(pattern: pattern, positions: Self.positions).model()
    #expect(sees(pattern) == model.mask(positions: Self.positions))
  }

  /// With queries of zeros every visible key has the same attention weight. With one-hot values, a row of the output
  /// contains the weight of each key.
  @Test(arguments: patterns)
  func `visible keys are those that the attention kernel reads`(_ pattern: ReferencePattern) {
    let rows = pattern.repeats * Self.positions
    let model = Case(
      pattern: pattern, positions: Self.positions, heads: 1, keyValueHeads: 1, hiddenSize: (rows + 1) / 2 * 2,
      sequences: 1)
    let subject = Subject(model.model(), sequences: 1, positions: Self.positions, trains: false)
    _ = subject.losses(model.tokens())
    let pass = subject.pass
    let size = pass.shape.attention.paddedHeadSize
    for offset in [pass.plan.queries, pass.plan.keys, pass.plan.values] {
      pass.pointer(at: offset).update(repeating: 0, count: rows * size)
    }
    // In a group of copies, attention orders rows [position][copy].
    for group in pattern.hiddenDecoding.groups {
      let values = pass.pointer(at: pass.plan.values) + group.first * Self.positions * size
      for position in 0..<Self.positions {
        for copy in 0..<group.count {
          values[(position * group.count + copy) * size + (group.first + copy) * Self.positions + position] = 1
        }
      }
    }
    pass.attention.forward(pass.attentionQueries(layer: 0), on: ThreadTeam())
    let output = pass.activations(of: 0).attentionOutput
    let weights = (0..<rows).map { row in (0..<rows).map { output.pointer[row * output.stride + $0] } }
    let visible = sees(pattern)
    #expect(weights.map { $0.map { $0 > 0 } } == visible)
    for (row, visible) in zip(weights, visible) {
      let weight = 1 / Float(visible.count { $0 })
      for value in row where value > 0 { #expect(abs(value - weight) < 1e-5) }
    }
  }

  @Test(arguments: patterns)
  func `the cost counts the visible pairs`(_ pattern: ReferencePattern) {
    let visible = sees(pattern)
    let decoding = pattern.hiddenDecoding
    #expect(
      decoding.visiblePairs(positions: Self.positions, lastCopyOnly: false)
        == visible.reduce(0) { $0 + $1.count { $0 } })
    #expect(
      decoding.visiblePairs(positions: Self.positions, lastCopyOnly: true)
        == visible.suffix(Self.positions).reduce(0) { $0 + $1.count { $0 } })
  }

  @Test func `keys of originals stay in the cache, and hidden keys while they are in the window`() {
    func fates(_ pattern: ReferencePattern, copy: Int, after position: Int) -> [KeyFate] {
      (0...position).map {
        pattern.hiddenDecoding.fate(of: TokenCopy(position: $0, copy: copy), after: position)
      }
    }
    for pattern in Self.patterns { #expect(fates(pattern, copy: 0, after: 6).allSatisfy { $0 == .kept }) }
    #expect(fates(.naive(repeats: 2), copy: 1, after: 3) == [.kept, .kept, .kept, .kept])
    #expect(fates(.phd(repeats: 2), copy: 1, after: 3) == [.dropped, .dropped, .dropped, .dropped])
    #expect(fates(.swa(repeats: 2, window: 3), copy: 1, after: 3) == [.dropped, .dropped, .windowed, .windowed])
    // Position 4 starts a chunk, from which the hidden keys of the previous chunk are not visible.
    let chunks = ReferencePattern.cswa(repeats: 2, window: 3, chunk: 4)
    #expect(fates(chunks, copy: 1, after: 3) == [.dropped, .dropped, .dropped, .dropped])
    #expect(fates(chunks, copy: 1, after: 4) == [.dropped, .dropped, .dropped, .dropped, .windowed])
  }
}
