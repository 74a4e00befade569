import Foundation
import Inference
import Kernels
import Testing
import Transformer

@testable import Evaluation

/// Compares log-likelihoods with shared contexts with those of the training forward, one choice at a time.
@Suite struct ChoiceScorerTests {
  static let patterns: [HiddenDecoding] = [
    .vanilla, HiddenDecoding(pattern: .phd, repeats: 3), HiddenDecoding(pattern: .swa, repeats: 2, window: 6),
    HiddenDecoding(pattern: .cswa, repeats: 3, window: 5, chunk: 8), HiddenDecoding(pattern: .naive, repeats: 2),
  ]

  private struct Subject {
    let model: InferenceModel
    let parameters: Buffer

    init(_ decoding: HiddenDecoding) {
      let configuration = ModelConfiguration(
        vocabularySize: 53, hiddenSize: 32, intermediateSize: 40, layers: 2, queryHeads: 4, keyValueHeads: 2,
        initializerRange: 0.4)
      let layout = ParameterLayout(configuration)
      parameters = Buffer(count: layout.count)
      layout.initialize(parameters.floats, seed: 9)
      model = InferenceModel(InferenceWeights(layout, .fp32, flat: parameters), decoding)
    }

    /// The definition: the softmax of each position's logits in double precision.
    func score(_ choice: ChoiceTokens) -> ChoiceScore {
      let pass = ModelPass(
        PassShape(
          model: model.configuration, hiddenDecoding: model.hiddenDecoding, sequences: 1,
          positions: choice.inputs.count),
        layout: model.weights.layout, trains: false, on: ThreadTeam())
      var rows: [[Double]] = []
      (choice.inputs + [0]).withUnsafeBufferPointer {
        pass.logits(parameters: parameters.pointer, tokens: SequenceTokens($0)) { _, logits in
          for row in 0..<logits.rows {
            rows.append((0..<logits.columns).map { Double(logits.pointer[row * logits.stride + $0]) })
          }
        }
      }
      var score = ChoiceScore(tokens: choice.targets.count)
      for (row, target) in zip(rows.suffix(choice.targets.count), choice.targets) {
        score.logLikelihood += row[Int(target)] - log(row.reduce(0) { $0 + exp($1) })
        score.isGreedy = score.isGreedy && row[Int(target)] == row.max()
      }
      return score
    }
  }

  private static func tokens(_ count: Int, _ seed: Int) -> [Int32] {
    (0..<count).map { Int32((($0 + seed) * ($0 + 3 * seed) * 31 + $0 * 7 + seed) % 53) }
  }

  /// An item with the given lengths of the context and of each continuation.
  private static func item(_ context: Int, _ continuations: [Int], seed: Int) -> ItemTokens {
    let start = tokens(context, seed)
    return ItemTokens(
      continuations.enumerated().map { index, count in
        let targets = tokens(count, seed + 10 * index + 1)
        return ChoiceTokens(inputs: start + targets.dropLast(), targets: targets)
      })
  }

  private static let items: [ItemTokens] = {
    var items = [
      item(20, [5, 1, 9, 3], seed: 1), item(3, [1, 1], seed: 2), item(40, [12], seed: 3), item(1, [4, 2, 2], seed: 4),
      item(70, [3, 30], seed: 5),
    ]
    // Contexts that differ in the middle, and from the first token.
    let (start, end) = (tokens(15, 6), tokens(4, 7))
    for count in [15, 0] {
      items.append(
        ItemTokens(
          [[1], [2, 3]].map { ChoiceTokens(inputs: start[..<count] + $0 + end.dropLast(), targets: end) }))
    }
    return items
  }()

  @Test(arguments: patterns) func `log-likelihoods equal those of the training forward, in any batch`(
    _ decoding: HiddenDecoding
  ) throws {
    let subject = Subject(decoding)
    let expected = ChoiceScorerTests.items.map { $0.choices.map { subject.score($0) } }
    var alone: [[ChoiceScore]] = []
    for item in ChoiceScorerTests.items {
      alone += ChoiceScorer(Decoder(subject.model, on: ThreadTeam())).scores(of: [item])
    }
    let scorer = ChoiceScorer(Decoder(subject.model, on: try ThreadTeam(count: 2)))
    for found in [scorer.scores(of: ChoiceScorerTests.items), alone] {
      for (found, expected) in zip(found.joined(), expected.joined()) {
        #expect(abs(found.logLikelihood - expected.logLikelihood) < 1e-4)
        #expect(found.tokens == expected.tokens && found.isGreedy == expected.isGreedy)
      }
    }
    // Of all possible single-token continuations, exactly one is greedy.
    let greedy = ItemTokens(
      (0..<53).map { ChoiceTokens(inputs: ChoiceScorerTests.tokens(20, 1), targets: [Int32($0)]) })
    let one = ChoiceScorer(Decoder(subject.model, on: ThreadTeam())).scores(of: [greedy])[0]
    #expect(one.count { $0.isGreedy } == 1)
    #expect(one.firstIndex { $0.isGreedy } == one.indices.max { one[$0].logLikelihood < one[$1].logLikelihood })
    #expect(abs(one.reduce(0) { $0 + exp($1.logLikelihood) } - 1) < 1e-5)
  }

  @Test func `a shared context is processed once`() {
    let subject = Subject(HiddenDecoding(pattern: .cswa, repeats: 2, window: 4, chunk: 8))
    let scorer = ChoiceScorer(Decoder(subject.model, on: ThreadTeam()))
    // The context once, and all but the last token of each continuation.
    _ = scorer.scores(of: [ChoiceScorerTests.item(20, [5, 1, 9, 3], seed: 1)])
    #expect(scorer.tokens == 20 + 4 + 0 + 8 + 2)
    _ = scorer.scores(of: [ChoiceScorerTests.item(31, [1, 1, 1, 1], seed: 1)])
    #expect(scorer.tokens == 34 + 31)
    #expect(ChoiceScorerTests.item(20, [5, 1, 9, 3], seed: 1).unshared == 4 * 20 + 14)
  }
}
