import Testing

@testable import Evaluation

@Suite struct PIQATests {
  @Test func `PIQA's labels are in the lines or in a separate file`() throws {
    let line = #"{"goal":"Sit","sol1":"on it","sol2":"under it""#
    let expected = [("Goal: Sit\nAnswer:", " on it"), ("Goal: Sit\nAnswer:", " under it")]
    expect(try onlyTask("piqa_valid.jsonl", line + #","label":1}"#).items.first, 1, expected)
    let tasks = try readTasks(["valid.jsonl": line + "}\n" + line + "}\n", "valid-labels.lst": "1\n0\n"])
    #expect(tasks.map(\.name) == ["piqa"] && tasks.first?.items.map(\.label) == [1, 0])
    #expect(throws: EvaluationError.self) { try readTasks(["valid.jsonl": line + "}"]) }
    #expect(throws: EvaluationError.self) { try readTasks(["valid.jsonl": line + "}", "valid-labels.lst": "1 1"]) }
    #expect(throws: EvaluationError.self) { try readTasks(["valid.jsonl": line + "}", "valid-labels.lst": "2"]) }
  }
}
