import Testing

@testable import Evaluation

@Suite struct WinoGrandeTests {
  @Test func `WinoGrande's choices have the same continuation`() throws {
    let task = try onlyTask(
      "dev.jsonl",
      #"{"qID":"x","sentence":"The cup fell off _ because_it rolled. ","option1":"it","option2":"a shelf","answer":"1"}"#
    )
    #expect(task.name == "winogrande")
    expect(
      task.items.first, 0,
      [("The cup fell off it", " because_it rolled."), ("The cup fell off a shelf", " because_it rolled.")])
  }
}
