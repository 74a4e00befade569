import Kernels
import Reference
import Testing

@testable import Transformer

/// Sequences of several documents that do not see each other.
@Suite struct DocumentTests {
  /// Random document starts of each sequence of a case. Documents have one token or more, and are shorter or longer
  /// than windows and chunks; sequence 1 has no start inside.
  static func starts(_ shape: Case) -> [[Int]] {
    var generator = SplitMix64(seed: UInt64(shape.positions))
    return (0..<shape.sequences).map { sequence in
      if sequence == 1 && shape.positions > 1 { return [] }
      // The last token, which is only a target, may also start a document.
      return (1...shape.positions).filter { _ in Int.random(in: 0..<max(3, shape.positions / 6), using: &generator) == 0
      }
    }
  }

  static let cases = Case.all.filter { $0.positions > 1 } + Case.long

  @Test(arguments: cases)
  func `logits, losses and gradients of documents equal the reference with a dense mask`(_ shape: Case) throws {
    let reference = shape.model()
    let (tokens, starts) = (shape.tokens(), DocumentTests.starts(shape))
    let subject = Subject(reference, sequences: shape.sequences, positions: shape.positions)
    let expected = zip(tokens, starts).flatMap { tokens, starts in
      reference.logits(tokens: Array(tokens.dropLast()), starts: starts).flatMap { $0 }
    }
    #expect(relativeDifference(subject.logits(tokens, starts: starts), expected) < 2e-5)

    let expectedLoss = reference.lossAndGradient(sequences: tokens, starts: starts, zLoss: 1e-3)
    let sums = subject.lossAndGradient(tokens, starts: starts, zLoss: 1e-3)
    #expect(sums.tokens == shape.sequences * shape.positions - starts.joined().count)
    #expect(abs(sums.crossEntropy / Double(sums.tokens) - expectedLoss.crossEntropy) < 2e-5 * expectedLoss.crossEntropy)
    #expect(abs(1e-3 * sums.squaredLogSumExp / Double(sums.tokens) - expectedLoss.zTerm) < 2e-5 * expectedLoss.zTerm)
    for tensor in subject.layout.tensors {
      let got = subject.gradient(of: tensor, dividedBy: sums.tokens)
      let difference = relativeDifference(got, try #require(expectedLoss.gradient[tensor.name]))
      #expect(difference < 2e-5, "\(tensor.name): \(difference)")
    }
  }

  @Test(arguments: cases, ElementType.allCases)
  func `a document does not change the logits of another document`(_ shape: Case, _ precision: ElementType) {
    let starts = DocumentTests.starts(shape)
    let subject = Subject(
      shape.model(), sequences: shape.sequences, positions: shape.positions, precision: precision)
    var tokens = shape.tokens()
    let before = subject.logits(tokens, starts: starts)
    guard let start = starts[0].first(where: { $0 > 0 && $0 < shape.positions }) else { return }
    let end = starts[0].first { $0 > start } ?? shape.positions
    for position in start..<end { tokens[0][position] = (tokens[0][position] + 17) % 61 }
    let after = subject.logits(tokens, starts: starts)
    for position in 0..<shape.positions {
      let range = position * 61..<(position + 1) * 61
      let isIn = (start..<end).contains(position)
      #expect((before[range] == after[range]) == !isIn, "position \(position), document \(start)..<\(end)")
    }
    #expect(before[(shape.positions * 61)...] == after[(shape.positions * 61)...])
  }

  @Test(arguments: cases.filter { $0.positions < 40 })
  func `a document has the same logits alone as anywhere in a sequence`(_ shape: Case) {
    let starts = DocumentTests.starts(shape)
    let (model, tokens) = (shape.model(), shape.tokens())
    let together = Subject(model, sequences: shape.sequences, positions: shape.positions).logits(tokens, starts: starts)
    var bounds = [0] + starts[0].filter { $0 > 0 && $0 < shape.positions }
    bounds.append(shape.positions)
    for (start, end) in zip(bounds, bounds.dropFirst()) {
      let one = Subject(model, sequences: 1, positions: end - start)
      let logits = one.logits([Array(tokens[0][start...end])])
      let expected = Array(together[start * 61..<end * 61])
      #expect(relativeDifference(logits, expected) < 2e-6)
    }
  }

  @Test(arguments: cases)
  func `one document per sequence equals no documents, and threads and recomputation do not change a bit`(_ shape: Case)
    throws
  {
    let (model, tokens, starts) = (shape.model(), shape.tokens(), DocumentTests.starts(shape))
    func pass(_ starts: [[Int]]?, threads: Int = 1, _ recompute: Recompute = .none) throws -> (LossSums, [UInt32]) {
      let subject = Subject(
        model, sequences: shape.sequences, positions: shape.positions, recompute: recompute,
        team: try ThreadTeam(count: threads))
      let sums = subject.lossAndGradient(tokens, starts: starts, zLoss: 1e-3)
      return (sums, subject.gradients.floats.map(\.bitPattern))
    }
    let one = try pass(nil)
    let same = try pass(tokens.map { _ in [] })
    #expect(one.0 == same.0 && one.1 == same.1)
    let several = try pass(starts)
    for other in try [pass(starts, threads: 3), pass(starts, .block)] {
      #expect(several.0 == other.0 && several.1 == other.1)
    }
  }
}
