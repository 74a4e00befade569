import JSON
import Storage
import TestSupport
import Testing

@testable import Evaluation

/// What the model is asked of items in the formats that the benchmarks come in. The items are this project's own.
@Suite struct TaskFormatTests {
  /// Writes files and reads their benchmarks.
  private func tasks(
    _ files: [String: String], _ names: [String] = [], limit: Int? = nil, shots: Int? = nil
  ) throws -> [EvaluationTask] {
    try withTemporaryFolder { folder in
      for (name, text) in files { try write(text.utf8, to: "\(folder)/\(name)") }
      return try TaskReader.tasks([folder], named: names, limit: limit, shots: shots)
    }
  }

  private func one(_ name: String, _ text: String) throws -> EvaluationTask {
    let tasks = try tasks([name: text])
    #expect(tasks.count == 1)
    return try #require(tasks.first)
  }

  private func expect(
    _ item: TaskItem?, _ label: Int, _ requests: [(String, String)], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(item?.label == label, sourceLocation: sourceLocation)
    #expect(
      item?.requests == requests.map { TaskRequest(context: $0.0, continuation: $0.1) }, sourceLocation: sourceLocation)
  }

  @Test func `HellaSwag's second half is capitalized and its markup is removed`() throws {
    let task = try one(
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
      let task = try one(file, line + "\n")
      #expect(task.name == name)
      expect(task.items.first, 1, [("Question: Why?\nAnswer:", " so"), ("Question: Why?\nAnswer:", " no")])
    }
  }

  @Test func `PIQA's labels are in the lines or in a separate file`() throws {
    let line = #"{"goal":"Sit","sol1":"on it","sol2":"under it""#
    let expected = [("Goal: Sit\nAnswer:", " on it"), ("Goal: Sit\nAnswer:", " under it")]
    expect(try one("piqa_valid.jsonl", line + #","label":1}"#).items.first, 1, expected)
    let tasks = try tasks(["valid.jsonl": line + "}\n" + line + "}\n", "valid-labels.lst": "1\n0\n"])
    #expect(tasks.map(\.name) == ["piqa"] && tasks.first?.items.map(\.label) == [1, 0])
    #expect(throws: EvaluationError.self) { try self.tasks(["valid.jsonl": line + "}"]) }
    #expect(throws: EvaluationError.self) { try self.tasks(["valid.jsonl": line + "}", "valid-labels.lst": "1 1"]) }
    #expect(throws: EvaluationError.self) { try self.tasks(["valid.jsonl": line + "}", "valid-labels.lst": "2"]) }
  }

  @Test func `WinoGrande's choices have the same continuation`() throws {
    let task = try one(
      "dev.jsonl",
      #"{"qID":"x","sentence":"The cup fell off _ because_it rolled. ","option1":"it","option2":"a shelf","answer":"1"}"#
    )
    #expect(task.name == "winogrande")
    expect(
      task.items.first, 0,
      [("The cup fell off it", " because_it rolled."), ("The cup fell off a shelf", " because_it rolled.")])
  }

  @Test func `LAMBADA's continuation is the last word`() throws {
    let task = try one("lambada_test_en.jsonl", #"{"text":"One two\nthree four"}"#)
    #expect(task.name == "lambada" && task.measure == .lastWord)
    expect(task.items.first, 0, [("One two\nthree", " four")])
  }

  @Test func `prepared requests are unchanged and named after their file`() throws {
    let task = try one(
      "Quiz.jsonl",
      #"{"label":1,"requests":[{"context":"a ","continuation":"b"},{"context":"c","continuation":" d"}]}"#)
    #expect(task.name == "quiz")
    expect(task.items.first, 1, [("a ", "b"), ("c", " d")])
  }

  // MARK: MMLU

  private let csv = """
    "What is 1, or ""one""?
    Say.",one,two,three,four,A
    Next?,1,2,3,4,D
    """

  @Test func `MMLU's CSV has letters after examples and texts without examples`() throws {
    let dev = "Is it?,yes,no,both,neither,C\nAgain?,e,f,g,h,B\n"
    let tasks = try tasks(["high_school_art_test.csv": csv, "high_school_art_dev.csv": dev], shots: 1)
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
      try self.tasks(["high_school_art_test.csv": csv, "high_school_art_dev.csv": dev], shots: 3)
    }
    let bare = try self.tasks(["high_school_art_test.csv": csv])
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
    let tasks = try tasks(files, limit: 2)
    #expect(tasks.map(\.name) == ["mmlu", "mmlu_text"] && tasks.map(\.items.count) == [2, 2])
    let context = tasks[0].items[1].requests[0].context
    #expect(context.hasPrefix("The following are multiple choice questions (with answers) about art x.\n\nq1\nA. a\n"))
    for example in [1, 3, 5, 7, 9] { #expect(context.contains("q\(example)\n")) }
    #expect(
      !context.contains("q11\n") && !context.contains("q2\n")
        && context.hasSuffix("q101\nA. a\nB. b\nC. c\nD. d\nAnswer:"))
    #expect(try self.tasks(files, ["mmlu_text"]).map(\.name) == ["mmlu_text"])
  }

  // MARK: what is no benchmark

  @Test func `two splits of a benchmark keep their names`() throws {
    let line = #"{"text":"a b"}"#
    let tasks = try tasks(["lambada_test.jsonl": line, "lambada-valid.jsonl": line, "notes.txt": "x"])
    #expect(tasks.map(\.name) == ["lambada_test", "lambada_valid"])
    #expect(throws: EvaluationError.self) { try self.tasks(["lambada_test.jsonl": line], ["piqa"]) }
    let missing = #expect(throws: StorageError.self) { try TaskReader.tasks(["/nowhere/at/all"]) }
    #expect(missing?.kind == .missing)
    #expect(throws: EvaluationError.self) { try self.tasks(["notes.txt": "x"]) }
  }

  @Test func `files without labels are skipped in folders and rejected when named`() throws {
    try withTemporaryFolder { folder in
      let files = [
        "valid.jsonl": #"{"goal":"a","sol1":"b","sol2":"c","label":1}"#,
        "tests.jsonl": #"{"goal":"a","sol1":"b","sol2":"c"}"#,
        "test.jsonl": #"{"sentence":"a _ b","option1":"c","option2":"d","answer":""}"#,
        "test_rand_split_no_answers.jsonl":
          #"{"question":{"stem":"q","choices":[{"label":"A","text":"x"},{"label":"B","text":"y"}]}}"#,
        // ARC's archive has its items in two formats.
        "ARC-Easy-Dev.jsonl":
          #"{"question":"q","choices":[{"label":"A","text":"x"},{"label":"B","text":"y"}],"answerKey":"A"}"#,
        "ARC-Easy-Dev.csv": "questionID,question\n",
      ]
      for (name, text) in files { try write(text.utf8, to: "\(folder)/\(name)") }
      var notes: [String] = []
      let tasks = try TaskReader.tasks([folder]) { notes.append($0) }
      #expect(tasks.map(\.name) == ["arc_easy", "piqa"])
      #expect(notes.count == 3 && notes.allSatisfy { $0.contains("test") && $0.hasSuffix("passed over") })
      let error = #expect(throws: EvaluationError.self) { try TaskReader.tasks(["\(folder)/test.jsonl"]) }
      #expect(error?.exitStatus == 65 && error?.description.contains("test.jsonl, line 1") == true)
    }
    #expect(throws: EvaluationError.self) { try self.tasks(["a.jsonl": #"{"goal":"a","sol1":"b","sol2":"c"}"#]) }
    // One item without a label among others is a mistake.
    let line = #"{"goal":"a","sol1":"b","sol2":"c""#
    let error = #expect(throws: EvaluationError.self) {
      try self.tasks(["a.jsonl": line + ",\"label\":1}\n" + line + "}"])
    }
    #expect(error?.kind == .badData && error?.description.contains("line 2") == true)
  }

  @Test(arguments: [
    ("", "holds no item"), ("{}", "line 1: is of no known format"), (#"{"text":"a b"}"# + "\n[1]", "line 2"),
    (#"{"text":"a b"}"# + "\n{\"text\":\"a", "line 2: is not valid JSON"), (#"{"text":"word"}"#, "line 1"),
    (#"{"text":3}"#, "expected a string"), (#"{"text":"a "}"#, "choice 0 is empty"),
    (#"{"activity_label":"a","ctx":"b","endings":["c","d"]}"#, "no \"label\""),
    (#"{"activity_label":"a","ctx":"b","endings":["c","d"],"label":2}"#, "from 0 to 1"),
    (#"{"activity_label":"a","ctx":"b","endings":["c","d"],"label":""}"#, "no \"label\""),
    (#"{"activity_label":"a","ctx":"b","endings":["c",""],"label":0}"#, "choice 1 is empty"),
    (#"{"ctx":"b","endings":["c","d"],"label":0}"#, "activity_label"),
    (#"{"activity_label":"a","ctx":"b","endings":["c"],"label":0}"#, "two or more"),
    (#"{"sentence":"no blank","option1":"a","option2":"b","answer":"1"}"#, "blank"),
    (#"{"sentence":"a _ b","option1":"a","option2":"b","answer":"0"}"#, "from 1 to 2"),
    (#"{"question":"q","choices":[{"label":"A","text":"x"},{"label":"B","text":"y"}],"answerKey":"E"}"#, "A, B"),
    (#"{"question":"q","choices":["x","y"],"answerKey":"A"}"#, "label"),
    (
      #"{"question":"q","choices":{"label":["A","B"],"text":["x",null]},"answerKey":"A"}"#,
      "\"text\" has null as element 1: expected a list of two or more strings"
    ),
    (#"{"text":"a \ud83d b"}"#, "line 1: is not valid JSON (column 12: \\ud83d is half of a surrogate pair"),
    (#"{"question":"q","choices":["x","y"],"answer":2}"#, "answer"),
    (#"{"label":0,"requests":[]}"#, "requests"),
    (#"{"label":1,"requests":[{"context":"a","continuation":"b"}]}"#, "0 to 0"),
    (#"{"label":0,"requests":[{"context":"a"}]}"#, "continuation"),
  ]) func `errors in lines name the file and the line`(_ text: String, _ part: String) throws {
    let error = try #require(throws: EvaluationError.self) { try self.tasks(["items.jsonl": text]) }
    #expect(error.description.contains("items.jsonl") && error.description.contains(part), "\(error)")
    #expect(error.exitStatus == 65)
  }

  @Test func `CR LF, byte-order marks and Python's JSON are accepted`() throws {
    let line = #"{"goal":"Sit","sol1":"on it","sol2":"under","sol2":"under it","label":1,"score":NaN}"#
    let expected = try one("piqa_valid.jsonl", #"{"goal":"Sit","sol1":"on it","sol2":"under it","label":1}"#).items
    let found = try one("piqa_valid.jsonl", "\u{feff}" + line + "\r\n\r\n" + line + "\r\n").items
    #expect(found.map(\.requests) == [expected[0].requests, expected[0].requests] && found.map(\.label) == [1, 1])
    #expect(found.last?.place.hasSuffix("line 3") == true)
    let labels = try tasks([
      "valid.jsonl": line.replacing(#""label":1,"#, with: "") + "\r\n", "valid-labels.lst": "\u{feff}1\r\n",
    ])
    #expect(labels.first?.items.map(\.label) == [1])
    let table = try tasks(["art_test.csv": "\u{feff}\"q\",a,b,c,d,A\r\nr,a,b,c,d,D\r\n"])
    #expect(table.first?.items.map(\.label) == [0, 3])
  }

  @Test func `files that are not text are rejected with the reason`() throws {
    let latin = Array(#"{"text":"a b"}"#.utf8) + [10] + Array(#"{"text":"caf"#.utf8) + [0xe9, 0x22, 0x7d, 10]
    let cases: [(name: String, bytes: [UInt8], words: String)] = [
      ("lambada.jsonl", latin, "not UTF-8 at byte 27, in line 2"),
      ("mmlu_test.csv", [97, 0xff], "not UTF-8 at byte 1"),
      ("lambada.jsonl", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2], "compressed with gzip"),
      ("lambada.jsonl", Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\n".utf8), "Git LFS pointer"),
    ]
    for (name, bytes, words) in cases {
      try withTemporaryFolder { folder in
        try write(bytes, to: "\(folder)/\(name)")
        let error = try #require(throws: StorageError.self) { try TaskReader.tasks(["\(folder)/\(name)"]) }
        #expect(error.description.contains(words) && error.kind == .damaged, "\(error)")
      }
    }
  }

  @Test func `CSV files of other formats are rejected`() throws {
    for (text, part) in [
      ("a,b,c", "3 columns"), ("question,A,B,C,D,answer", "the last answer"), ("\"a,b,c", "does not end"),
      ("\n", "no item"),
    ] {
      let error = try #require(throws: EvaluationError.self) { try self.tasks(["art_test.csv": text]) }
      #expect(error.description.contains("art_test.csv") && error.description.contains(part), "\(error)")
    }
    #expect(
      try CSVText.records(Array("a,\"b\"\"c\"\r\n\r\n,\n".utf8), file: "x")
        == [.init(fields: ["a", "b\"c"], line: 1), .init(fields: ["", ""], line: 3)])
  }

  // MARK: real items

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
