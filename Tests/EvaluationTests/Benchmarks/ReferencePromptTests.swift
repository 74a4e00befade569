import TestSupport
import Testing

@testable import Evaluation

/// Compares the prompts with those of the OLMo evaluations, for every item of the shared benchmark files.
@Suite struct ReferencePromptTests {
  @Test(
    .enabled(if: shared("data/bench") != nil, Comment(rawValue: sharedIsMissing)),
    arguments: [
      ("arc_easy", "arc_easy_validation"), ("arc_challenge", "arc_challenge_validation"),
      ("csqa", "commonsenseqa_validation"), ("piqa", "piqa_valid"), ("winogrande", "winogrande_xl_validation"),
      ("hellaswag", "hellaswag_validation"),
    ]) func `prompts equal those of the OLMo evaluations`(_ requests: String, _ items: String) throws
  {
    let folder = try #require(shared("data/bench"))
    let expected = try TaskReader.tasks(["\(folder)/olmo_requests_rc_0shot/\(requests).jsonl"])[0]
    let found = try TaskReader.tasks(["\(folder)/\(items).jsonl"])[0]
    #expect(expected.items.count >= 299 && found.items.count == expected.items.count)
    for (found, expected) in zip(found.items, expected.items) {
      // Bytes, not Swift's equality of characters.
      let texts = [found, expected].map {
        $0.requests.flatMap { [Array($0.context.utf8), Array($0.continuation.utf8)] }
      }
      #expect(texts[0] == texts[1] && found.label == expected.label, "\(found.place)")
    }
  }
}
