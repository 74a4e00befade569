import Testing

@testable import Evaluation

@Suite struct ARCTests {
  @Test func `ARC and CommonsenseQA are read in all their formats`() throws {
    let nested =
      #"{"id":"a","question":{"stem":"Why?","choices":[{"text":"so","label":"A"},{"text":"no","label":"B"}]},"#
    let flat = #"{"question":"Why?","choices":[{"label":"1","text":"so"},{"label":"2","text":"no"}],"answerKey":"2"}"#
    let lists = #"{"question":"Why?","choices":{"label":["A","B"],"text":["so","no"]},"answerKey":"2"}"#
    for (file, name, line) in [
      ("ARC-Challenge-Dev.jsonl", "arc_challenge", nested + #""answerKey":"B"}"#),
      ("ARC-Easy-Test.jsonl", "arc_easy", flat), ("arc_easy_validation.jsonl", "arc_easy", lists),
      ("commonsenseqa_validation.jsonl", "commonsenseqa", flat), ("dev.jsonl", "arc", flat),
      (
        "dev_rand_split.jsonl", "commonsenseqa",
        nested.replacing(#""stem""#, with: #""question_concept":"w","stem""#) + #""answerKey":"B"}"#
      ),
    ] {
      let task = try onlyTask(file, line + "\n")
      #expect(task.name == name)
      expect(task.items.first, 1, [("Question: Why?\nAnswer:", " so"), ("Question: Why?\nAnswer:", " no")])
    }
  }
}
