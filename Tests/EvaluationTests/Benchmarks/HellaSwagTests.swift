import Testing

@testable import Evaluation

@Suite struct HellaSwagTests {
  @Test func `HellaSwag's second half is capitalized and its markup is removed`() throws {
    let task = try onlyTask(
      "hellaswag_val.jsonl",
      #"""
      {"activity_label": "Boats", "ctx_a": "A man rows.", "ctx_b": "the OAR", "ctx": "x", "endings": ["[step] sinks.", "breaks. [title] He swims."], "label": 1}

      {"activity_label": "Tea", "ctx": "Boil water. [header] How to [b] pour [title] Wait", "endings": [" a [ b", "c"], "label": "0"}
      """#)
    #expect(task.name == "hellaswag" && task.measure == .choice && task.items.count == 2)
    let context = "Boats: A man rows. The oar"
    expect(task.items.first, 1, [(context, "  sinks."), (context, " breaks. He swims.")])
    let second = "Tea: Boil water. How to pour. Wait"
    expect(task.items.last, 0, [(second, " a [ b"), (second, " c")])
    #expect(task.items.last?.place.hasSuffix("hellaswag_val.jsonl, line 3") == true)
  }
}
