import Kernels
import Testing
import Transformer

@testable import Inference

/// After rewinding to a mark, a continuation has the same bits as without the tokens in between.
@Suite struct RewindingTests {
  private func logits(_ decoder: Decoder, _ cache: KVCache, _ tokens: [Int32]) -> [[Float]] {
    var result: [[Float]] = []
    decoder.extend([cache], by: [tokens], logits: .all) { _, _, logits in result.append(Array(logits)) }
    return result
  }

  @Test(arguments: patterns, [1, 4, 37])
  func `each of three continuations from a mark equals a first continuation`(_ decoding: HiddenDecoding, length: Int) {
    for precision in ElementType.allCases {
      let subject = Subject(decoding, precision)
      let decoder = Decoder(subject.model, on: subject.team)
      let text = Subject.tokens(length)
      let cache = KVCache(for: subject.model, capacity: length + 40)
      decoder.extend([cache], by: [text]) { _, _, _ in }
      let mark = cache.mark()
      for (index, count) in [40, 3, 22].enumerated() {
        let continuation = Subject.tokens(count, seed: 4 + index)
        let found = logits(decoder, cache, continuation)
        #expect(cache.length == length + count)
        cache.rewind(to: mark)
        #expect(cache.length == length)
        let fresh = KVCache(for: subject.model, capacity: length + 40)
        decoder.extend([fresh], by: [text]) { _, _, _ in }
        #expect(found == logits(decoder, fresh, continuation), "\(decoding.name) \(precision), continuation \(index)")
        let whole = subject.expected(text + continuation)
        for (logits, expected) in zip(found, whole[length...]) where precision == .fp32 {
          #expect(relativeDifference(logits, expected) < 1e-4)
        }
      }
    }
  }

  @Test(arguments: patterns)
  func `a cache can be rewound to an empty mark and to several marks in turn`(_ decoding: HiddenDecoding) {
    let subject = Subject(decoding)
    let decoder = Decoder(subject.model, on: subject.team)
    let cache = KVCache(for: subject.model, capacity: 60)
    let (first, second, third) = (Subject.tokens(19), Subject.tokens(9, seed: 3), Subject.tokens(11, seed: 8))
    let beginning = cache.mark()
    let once = logits(decoder, cache, first)
    let middle = cache.mark()
    let afterMiddle = logits(decoder, cache, second)
    let end = cache.mark()
    _ = logits(decoder, cache, third)
    cache.rewind(to: end)
    _ = logits(decoder, cache, Array(third.reversed()))
    cache.rewind(to: middle)
    #expect(logits(decoder, cache, second) == afterMiddle)
    cache.rewind(to: beginning)
    #expect(logits(decoder, cache, first) == once)
    #expect(logits(decoder, cache, second) == afterMiddle)
  }
}
