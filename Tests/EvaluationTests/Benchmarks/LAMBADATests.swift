import Testing

@testable import Evaluation

@Suite struct LAMBADATests {
  @Test func `LAMBADA's continuation is the last word`() throws {
    let task = try onlyTask("lambada_test_en.jsonl", #"{"text":"One two\nthree four"}"#)
    #expect(task.name == "lambada" && task.measure == .lastWord)
    expect(task.items.first, 0, [("One two\nthree", " four")])
  }
}
