import Inference
import Kernels

/// The log-likelihood of one continuation.
public struct ChoiceScore: Sendable, Equatable {
  /// Σ log p of its tokens, nats.
  public var logLikelihood = 0.0
  public var tokens = 0
  /// Whether each token is the most likely one after the tokens before it.
  public var isGreedy = true
}

/// Computes the log-likelihoods of items' choices, several items at a time.
///
/// The common beginning of an item's choices is processed once. The choices then continue sequentially from its KV
/// cache; the n-th choices of all items form one batch.
final class ChoiceScorer {
  private let decoder: Decoder
  /// Tokens processed so far.
  private(set) var tokens = 0

  init(_ decoder: Decoder) { self.decoder = decoder }

  /// The scores of each item's choices.
  func scores(of items: [ItemTokens]) -> [[ChoiceScore]] {
    let caches = items.map { KVCache(for: decoder.model, capacity: max(1, $0.longest)) }
    var scores = items.map { item in item.choices.map { ChoiceScore(tokens: $0.targets.count) } }
    let begun = items.indices.filter { items[$0].shared > 0 }
    extend(begun.map { caches[$0] }, by: begun.map { items[$0].choices[0].inputs[..<items[$0].shared] }, .last) {
      index, position, logits in
      let item = begun[index]
      for choice in items[item].choices.indices {
        add(position, logits, items[item].choices[choice], to: &scores[item][choice])
      }
    }
    let marks = zip(items, caches).map { $0.choices.count > 1 ? $1.mark() : nil }
    for choice in 0..<(items.map(\.choices.count).max() ?? 0) {
      let open = items.indices.filter {
        choice < items[$0].choices.count && items[$0].choices[choice].inputs.count > items[$0].shared
      }
      let rest = open.map { items[$0].choices[choice].inputs[items[$0].shared...] }
      extend(open.map { caches[$0] }, by: rest, .all) { index, position, logits in
        add(position, logits, items[open[index]].choices[choice], to: &scores[open[index]][choice])
      }
      for item in open { if let mark = marks[item] { caches[item].rewind(to: mark) } }
    }
    return scores
  }

  private func extend(
    _ caches: [KVCache], by tokens: [ArraySlice<Int32>], _ wanted: WantedLogits,
    _ body: (_ index: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) -> Void
  ) {
    if caches.isEmpty { return }
    self.tokens += tokens.reduce(0) { $0 + $1.count }
    decoder.extend(caches, by: tokens.map { Array($0) }, logits: wanted, body)
  }

  /// Adds the log-probability of the target that follows a position, if that position predicts a target.
  private func add(
    _ position: Int, _ logits: UnsafeBufferPointer<Float>, _ choice: ChoiceTokens, to score: inout ChoiceScore
  ) {
    let target = position - choice.firstPredicting
    guard choice.targets.indices.contains(target) else { return }
    let found = kernels.crossEntropy.logProbability(of: Int(choice.targets[target]), logits)
    // If any logit is not finite, the log-likelihood is NaN, although the target's own logit may be finite.
    score.logLikelihood += logits.areFinite ? found.logProbability : .nan
    score.isGreedy = score.isGreedy && found.isLikeliest
  }
}
