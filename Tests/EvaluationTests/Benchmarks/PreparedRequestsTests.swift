import Testing

@testable import Evaluation

@Suite struct PreparedRequestsTests {
  @Test func `prepared requests are unchanged and named after their file`() throws {
    let task = try onlyTask(
      "Quiz.jsonl",
      #"{"label":1,"requests":[{"context":"a ","continuation":"b"},{"context":"c","continuation":" d"}]}"#)
    #expect(task.name == "quiz")
    expect(task.items.first, 1, [("a ", "b"), ("c", " d")])
  }
}
