import Kernels
import Reference
import Testing

@testable import Transformer

/// Results that must be bit-identical.
@Suite struct BitTests {
  static let hiddenDecoding: [ReferencePattern] = [
    .phd(repeats: 2), .phd(repeats: 5), .swa(repeats: 2, window: 5), .swa(repeats: 3, window: 100),
    .cswa(repeats: 2, window: 16, chunk: 32), .cswa(repeats: 3, window: 9, chunk: 4),
    .cswa(repeats: 4, window: 3, chunk: 100),
  ]

  /// The originals' residual stream into each layer, and their keys and values in the last layer: everything that other
  /// tokens read of them.
  private func originals(_ pattern: ReferencePattern, positions: Int, tokens: [[Int]]) -> [[Float]] {
    var shape = Case(pattern: pattern, positions: positions)
    shape.layers = 3
    let subject = Subject(shape.model(), sequences: 2, positions: positions)
    subject.withTokens(tokens) { subject.pass.forward(subject.parameters.pointer, tokens: $0) }
    let rows = subject.pass.shape.rowsPerCopy
    let streams = (0..<3).map { subject.pass.stream(into: $0).rows(0..<rows) }
    let last = subject.pass.activations(of: 2)
    return (streams + [last.keys.rows(0..<rows), last.values.rows(0..<rows)]).map(elements)
  }

  private func elements(_ matrix: Matrix) -> [Float] {
    (0..<matrix.rows).flatMap { row in (0..<matrix.columns).map { matrix.pointer[row * matrix.stride + $0] } }
  }

  @Test(arguments: hiddenDecoding, [45, 150])
  func `the originals are exactly a vanilla transformer, whatever K, W and C`(
    _ pattern: ReferencePattern, _ positions: Int
  ) {
    let tokens = Case(pattern: pattern, positions: positions).tokens()
    let vanilla = originals(.vanilla, positions: positions, tokens: tokens)
    let hidden = originals(pattern, positions: positions, tokens: tokens)
    #expect(vanilla == hidden)
    #expect(vanilla[0] != vanilla[1])
  }

  @Test(arguments: Case.all)
  func `a later token does not change a logit`(_ shape: Case) {
    guard shape.positions > 2 else { return }
    let subject = Subject(shape.model(), sequences: shape.sequences, positions: shape.positions)
    var tokens = shape.tokens()
    let before = subject.logits(tokens)
    let changed = shape.positions / 2
    for position in changed..<shape.positions { tokens[0][position] = (tokens[0][position] + 17) % 61 }
    let after = subject.logits(tokens)
    let earlier = changed * 61
    #expect(before[..<earlier] == after[..<earlier])
    #expect(before[earlier..<shape.positions * 61] != after[earlier..<shape.positions * 61])
    // The other sequence of the micro-batch does not change.
    #expect(before[(shape.positions * 61)...] == after[(shape.positions * 61)...])
  }

  @Test(arguments: Case.all + Case.long)
  func `recomputation does not change a bit`(_ shape: Case) {
    let tokens = shape.tokens()
    let kept = Subject(shape.model(), sequences: shape.sequences, positions: shape.positions)
    let again = Subject(shape.model(), sequences: shape.sequences, positions: shape.positions, recompute: .block)
    #expect(kept.lossAndGradient(tokens, zLoss: 1e-3) == again.lossAndGradient(tokens, zLoss: 1e-3))
    #expect(kept.gradients.floats.elementsEqual(again.gradients.floats))
    #expect(again.pass.arena.count < kept.pass.arena.count || shape.layers == 1)
  }

  @Test(arguments: Case.all + Case.long, [2, 3])
  func `the number of threads does not change a bit`(_ shape: Case, _ threads: Int) throws {
    let tokens = shape.tokens()
    let one = Subject(shape.model(), sequences: shape.sequences, positions: shape.positions)
    let many = Subject(
      shape.model(), sequences: shape.sequences, positions: shape.positions,
      team: try ThreadTeam(count: threads))
    #expect(one.lossAndGradient(tokens, zLoss: 1e-3) == many.lossAndGradient(tokens, zLoss: 1e-3))
    #expect(one.gradients.floats.elementsEqual(many.gradients.floats))
  }

  @Test func `windows and chunks longer than the sequence have no effect, and chunks of one position give PHD`() {
    let shape = Case(pattern: .phd(repeats: 3), positions: 29)
    let tokens = shape.tokens()
    func logits(_ pattern: ReferencePattern) -> [Double] {
      var shape = shape
      shape.pattern = pattern
      return Subject(shape.model(), sequences: 2, positions: 29).logits(tokens)
    }
    #expect(logits(.cswa(repeats: 3, window: 6, chunk: 29)) == logits(.swa(repeats: 3, window: 6)))
    #expect(logits(.swa(repeats: 3, window: 29)) == logits(.swa(repeats: 3, window: 500)))
    let chunksOfOne = logits(.cswa(repeats: 3, window: 6, chunk: 1))
    #expect(relativeDifference(chunksOfOne, logits(.phd(repeats: 3))) < 1e-6)
    #expect(relativeDifference(chunksOfOne, logits(.swa(repeats: 3, window: 6))) > 1e-3)
  }
}
