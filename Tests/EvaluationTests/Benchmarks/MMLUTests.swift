import Testing

@testable import Evaluation

@Suite struct MMLUTests {
  private let csv = """
    "What is 1, or ""one""?
    Say.",one,two,three,four,A
    Next?,1,2,3,4,D
    """

  @Test func `MMLU's CSV has letters after examples and texts without examples`() throws {
    let dev = "Is it?,yes,no,both,neither,C\nAgain?,e,f,g,h,B\n"
    let tasks = try readTasks(["high_school_art_test.csv": csv, "high_school_art_dev.csv": dev], shots: 1)
    #expect(tasks.map(\.name) == ["mmlu", "mmlu_text"])
    let context = """
      The following are multiple choice questions (with answers) about high school art.

      Is it?
      A. yes
      B. no
      C. both
      D. neither
      Answer: C

      What is 1, or "one"?
      Say.
      A. one
      B. two
      C. three
      D. four
      Answer:
      """
    expect(tasks.first?.items.first, 0, [" A", " B", " C", " D"].map { (context, $0) })
    let text = "Question: What is 1, or \"one\"?\nSay.\nAnswer:"
    expect(tasks.last?.items.first, 0, [" one", " two", " three", " four"].map { (text, $0) })
    #expect(tasks[0].items.map(\.label) == [0, 3])
    #expect(tasks[0].items.last?.place.hasSuffix("high_school_art_test.csv, line 3") == true)
    #expect(throws: EvaluationError.self) {
      try readTasks(["high_school_art_test.csv": csv, "high_school_art_dev.csv": dev], shots: 3)
    }
    let bare = try readTasks(["high_school_art_test.csv": csv])
    #expect(bare[0].items[0].requests[0].context.hasPrefix("The following are"))
    #expect(!bare[0].items[0].requests[0].context.contains("Is it?"))
  }

  @Test func `MMLU's JSON lines have five examples of the same subject`() throws {
    func line(_ subject: String, _ question: Int) -> String {
      #"{"subject":"\#(subject)","question":" q\#(question) ","choices":["a","b","c","d"],"answer":\#(question % 4)}"#
    }
    let dev = (0..<12).map { line($0 % 2 == 0 ? "law" : "art_x", $0) }.joined(separator: "\n")
    let test = [line("law", 100), line("art_x", 101), line("law", 102)].joined(separator: "\n")
    let files = ["mmlu_dev_fewshot.jsonl": dev, "mmlu_test.jsonl": test]
    let tasks = try readTasks(files, limit: 2)
    #expect(tasks.map(\.name) == ["mmlu", "mmlu_text"] && tasks.map(\.items.count) == [2, 2])
    let context = tasks[0].items[1].requests[0].context
    #expect(context.hasPrefix("The following are multiple choice questions (with answers) about art x.\n\nq1\nA. a\n"))
    for example in [1, 3, 5, 7, 9] { #expect(context.contains("q\(example)\n")) }
    #expect(
      !context.contains("q11\n") && !context.contains("q2\n")
        && context.hasSuffix("q101\nA. a\nB. b\nC. c\nD. d\nAnswer:"))
    #expect(try readTasks(files, ["mmlu_text"]).map(\.name) == ["mmlu_text"])
  }

  @Test func `CSV files of other formats are rejected`() throws {
    for (text, part) in [
      ("a,b,c", "3 columns"), ("question,A,B,C,D,answer", "the last answer"), ("\"a,b,c", "does not end"),
      ("\n", "no item"),
    ] {
      let error = try #require(throws: EvaluationError.self) { try readTasks(["art_test.csv": text]) }
      #expect(error.description.contains("art_test.csv") && error.description.contains(part), "\(error)")
    }
    #expect(
      try CSVText.records(Array("a,\"b\"\"c\"\r\n\r\n,\n".utf8), file: "x")
        == [.init(fields: ["a", "b\"c"], line: 1), .init(fields: ["", ""], line: 3)])
  }
}
