import Foundation
import JSON
import Testing

@testable import Evaluation

/// The metrics for given log-likelihoods.
@Suite struct TaskResultTests {
  private func item(_ continuations: [String], _ label: Int) -> TaskItem {
    TaskItem(
      requests: continuations.map { TaskRequest(context: "c", continuation: $0) }, label: label, place: "x, line 1")
  }

  private func scores(_ values: [Double]) -> [ChoiceScore] { values.map { ChoiceScore(logLikelihood: $0, tokens: 2) } }

  @Test func `accuracy counts the most likely choice, also by code point and by byte`() {
    let task = EvaluationTask(
      name: "t",
      items: [
        // The first has the highest sum, the second the highest mean by either length.
        item([" a", " abcd"], 1),
        // An é in two code points of three bytes: by code points −1.5 and −1.6, by bytes −1 and −1.6.
        item([" e\u{301}", " xy"], 0), item([" \u{1f600}", " abc"], 0),
        // Equal scores: the first counts.
        item([" ab", " cd", " ef"], 0), item([" ab", " cd"], 1),
      ])
    let values: [[Double]] = [[-2, -4], [-3, -3.2], [-2, -3], [-1, -1, -1], [-1, -1]]
    let result = TaskResult(task, values.map { scores($0) }, tokens: 7, tokensUnshared: 9)
    #expect(result.accuracy.value == 3.0 / 5)
    // Right: items 1, 2 and 4. Item 3 is wrong (−2 and −1), and so is item 5.
    #expect(result.byCharacters?.value == 3.0 / 5)
    // Item 3 is right as well: −0.5 and −1.
    #expect(result.byBytes?.value == 4.0 / 5)
    #expect(abs(result.accuracy.standardError - (0.6 * 0.4 / 4).squareRoot()) < 1e-12)
    #expect(result.json["items"] == 5 && result.json["acc"] == 0.6 && result.json["tokens"] == 7)
    #expect(result.json["perplexity"] == nil && result.text.contains("60.0"))
    let lines = result.details.split(separator: "\n")
    #expect(lines.count == 5)
    #expect(
      lines.first.map(String.init)
        == #"{"task":"t","item":0,"place":"x, line 1","label":1,"log_likelihood":[-2.0,-4.0],"tokens":[2,2],"#
        + #""is_greedy":[true,true]}"#)
  }

  @Test func `LAMBADA's accuracy counts greedy words, and its perplexity is per word`() {
    let task = EvaluationTask(
      name: "l", measure: .lastWord, items: [item([" a"], 0), item([" b"], 0), item([" c"], 0)])
    var found = [[-1.0], [-2.0], [-6.0]].map { scores($0) }
    found[1][0].isGreedy = false
    let result = TaskResult(task, found, tokens: 1, tokensUnshared: 1)
    #expect(abs(result.accuracy.value - 2.0 / 3) < 1e-12 && result.byCharacters == nil)
    #expect(abs((result.json["perplexity"]?.number ?? 0) - exp(3)) < 1e-9)
    #expect(result.json["acc_norm"] == nil)
  }
}
