import JSON
import Storage
import TestSupport
import Testing

@testable import Evaluation

/// Task names, file formats and errors of benchmark files. The items are this project's own.
@Suite struct TaskReaderTests {
  @Test func `two splits of a benchmark keep their names`() throws {
    let line = #"{"text":"a b"}"#
    let tasks = try readTasks(["lambada_test.jsonl": line, "lambada-valid.jsonl": line, "notes.txt": "x"])
    #expect(tasks.map(\.name) == ["lambada_test", "lambada_valid"])
    #expect(throws: EvaluationError.self) { try readTasks(["lambada_test.jsonl": line], ["piqa"]) }
    let missing = #expect(throws: StorageError.self) { try TaskReader.tasks(["/nowhere/at/all"]) }
    #expect(missing?.kind == .missing)
    #expect(throws: EvaluationError.self) { try readTasks(["notes.txt": "x"]) }
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
      #expect(notes.count == 3 && notes.allSatisfy { $0.contains("test") && $0.hasSuffix("this file is skipped") })
      let error = #expect(throws: EvaluationError.self) { try TaskReader.tasks(["\(folder)/test.jsonl"]) }
      #expect(error?.exitStatus == .badData && error?.description.contains("test.jsonl, line 1") == true)
    }
    #expect(throws: EvaluationError.self) { try readTasks(["a.jsonl": #"{"goal":"a","sol1":"b","sol2":"c"}"#]) }
    // One item without a label among others is a mistake.
    let line = #"{"goal":"a","sol1":"b","sol2":"c""#
    let error = #expect(throws: EvaluationError.self) {
      try readTasks(["a.jsonl": line + ",\"label\":1}\n" + line + "}"])
    }
    #expect(error?.kind == .badData && error?.description.contains("line 2") == true)
  }

  @Test(arguments: [
    ("", "holds no item"), ("{}", "line 1: has an unknown format"), (#"{"text":"a b"}"# + "\n[1]", "line 2"),
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
    let error = try #require(throws: EvaluationError.self) { try readTasks(["items.jsonl": text]) }
    #expect(error.description.contains("items.jsonl") && error.description.contains(part), "\(error)")
    #expect(error.exitStatus == .badData)
  }

  @Test func `CR LF, byte-order marks and Python's JSON are accepted`() throws {
    let line = #"{"goal":"Sit","sol1":"on it","sol2":"under","sol2":"under it","label":1,"score":NaN}"#
    let expected = try onlyTask("piqa_valid.jsonl", #"{"goal":"Sit","sol1":"on it","sol2":"under it","label":1}"#).items
    let found = try onlyTask("piqa_valid.jsonl", "\u{feff}" + line + "\r\n\r\n" + line + "\r\n").items
    #expect(found.map(\.requests) == [expected[0].requests, expected[0].requests] && found.map(\.label) == [1, 1])
    #expect(found.last?.place.hasSuffix("line 3") == true)
    let labels = try readTasks([
      "valid.jsonl": line.replacing(#""label":1,"#, with: "") + "\r\n", "valid-labels.lst": "\u{feff}1\r\n",
    ])
    #expect(labels.first?.items.map(\.label) == [1])
    let table = try readTasks(["art_test.csv": "\u{feff}\"q\",a,b,c,d,A\r\nr,a,b,c,d,D\r\n"])
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
}
