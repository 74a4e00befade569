import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

/// Recognition and reading of text files.
@Suite struct TextInputTests {
  /// Builds a corpus of bytes from a file and returns its documents.
  private func documents(
    _ bytes: [UInt8], named name: String, separator: String? = nil, format: String? = nil
  ) throws -> [String] {
    try withTemporaryFolder { folder in
      try write(bytes, to: "\(folder)/\(name)")
      let builder = CorpusBuilder(
        tokenizer: ByteTokenizer(), documentSeparator: separator, format: format)
      _ = try builder.build(["\(folder)/\(name)"], output: folder + "/out.h5")
      let tokens = try TokenFile(folder + "/out.h5").allTokens().split(separator: 256, omittingEmptySubsequences: false)
      return tokens.dropLast().map { String(decoding: $0.map { UInt8($0) }, as: UTF8.self) }
    }
  }

  private func fault(_ name: String) throws -> [UInt8] { try bytes(of: fixture("faults/" + name)) }

  @Test(arguments: ["c4.json", "c4.ndjson", "c4.jsonl", "c4.JSON", "c4.txt", "c4"])
  func `lines of JSON are documents, whatever the file is called`(name: String) throws {
    let lines = try fault("c4.json")
    #expect(try documents(lines, named: name) == ["first", "second"])
    #expect(try documents(Array("\u{feff}\r\n".utf8) + lines, named: name) == ["first", "second"])
    // With --format text they are plain text, except under the names of JSON lines.
    let text = try documents(lines, named: name, format: "text")
    #expect(text.count == (["c4.jsonl", "c4.ndjson"].contains(name) ? 2 : 1))
  }

  @Test func `text that begins like JSON is text`() throws {
    for text in ["{\"text\": \"a\"", "{", "{\n  \"text\": \"a\"\n}", "{} x", "[\"text\"]\n", "", "\n\n"] {
      #expect(try documents(Array(text.utf8), named: "a.txt") == [text])
    }
    let line = "{\"text\": \"a\"}\n"
    #expect(try documents(Array((line + "--\nb").utf8), named: "a.txt", separator: "--") == [line, "b"])
    // A first line longer than a block.
    let long = "{\"text\": \"" + String(repeating: "a", count: 3 << 20) + "\"}\n"
    #expect(try documents(Array(long.utf8), named: "a.json").first?.utf8.count == 3 << 20)
  }

  @Test(arguments: ["{\"body\": \"a\"}\n", "{\"text\": 3}\nplain", "{}", "\n{\"a\": {}}"])
  func `a first line of JSON without a text is neither JSON lines nor plain text`(text: String) throws {
    for name in ["a.txt", "a"] {
      let error = #expect(throws: InputFormatError.self) { try documents(Array(text.utf8), named: name) }
      #expect(error?.message.hasSuffix("or pass --format text to read it as plain text") == true)
      #expect(try documents(Array(text.utf8), named: name, format: "text") == [text])
    }
    // A file recognized as JSON lines by its content: invalid UTF-8 is reported with its line.
    let latin = Array("{\"text\": \"caf".utf8) + [0xe9] + Array("\"}\n".utf8)
    let error = #expect(throws: InvalidFileError.self) { try documents(latin, named: "a.txt") }
    #expect(error?.message.contains("is not UTF-8 at byte 13, in line 1") == true)
  }

  @Test(arguments: ["[{\"text\": \"a\"}]", "{\n  \"text\": \"a\"\n}", "plain", "{\"text\": \"a\"} {\"text\": \"b\"}"])
  func `a file called json without JSON lines is refused`(text: String) throws {
    let error = #expect(throws: InputFormatError.self) { try documents(Array(text.utf8), named: "a.json") }
    #expect(error?.message.contains("does not contain JSON lines") == true)
    #expect(try documents(Array(text.utf8), named: "a.json", format: "text") == [text])
  }

  @Test(arguments: [("c4.json.gz", "gzip"), ("c4.jsonl.zst", "zstd")])
  func `compressed files are refused under any name`(name: String, compression: String) throws {
    for other in [name, "a.txt", "a.jsonl", "a.json"] {
      for format in [nil, "text"] {
        let error = #expect(throws: StorageError.self) {
          try documents(fault(name), named: other, format: format)
        }
        #expect(error?.kind == .damaged && error?.message.contains("is compressed with \(compression)") == true)
      }
    }
  }

  @Test func `a byte-order mark is not part of a text and does not hide a separator`() throws {
    func found(_ text: String, _ separator: String? = "---") throws -> [String] {
      try documents(Array(text.utf8), named: "a.txt", separator: separator)
    }
    #expect(try found("\u{feff}---\na\n---\nb") == ["", "a\n", "b"])
    #expect(try found("\u{feff}---\r\na\r\n---\r\nb") == ["", "a\r\n", "b"])
    #expect(try found("\u{feff}a\n---\n\u{feff}b") == ["a\n", "\u{feff}b"])
    #expect(try found("\u{feff}a", nil) == ["a"])
    #expect(try found("\u{feff}", nil) == [""])
  }

  @Test(arguments: [
    ("{\"text\": \"a\" \"b\"}", "line 2 is not valid JSON (column 14: expected \",\" or \"}\" in the object)"),
    ("{\"é\": 1, text: 2}", "(column 10: expected a field's name)"), ("{\"text\": \"cut", "no closing quote"),
    ("{\"text\": nul}", "(column 10: expected a value)"),
    ("{\"text\": \"a\"} x", "(column 15: expected the end of the line)"),
    ("{\"text\": \"a\\x\"}", "(column 12: an escape sequence that JSON does not have)"),
    ("{\"text\": \"a\\ud83d b\"}", "(column 12: \\ud83d is half of a surrogate pair, which is not a character)"),
    ("{\"text\": \"a\\ud83d\\u0041\"}", "column 12"), ("{\"text\": \"\\udc00\"}", "column 11"),
    ("{\"text\": \"a\tb\"}", "(column 12: a control character"), ("{\"text\": \"\\u12g4\"}", "four hexadecimal digits"),
    ("{\"text\": null}", "line 2: \"text\" is null: expected a string"),
    ("{\"text\": [\"a\"]}", "\"text\" is a list: expected a string"), ("{\"text\": NaN}", "\"text\" is a number"),
    ("{\"text\": \"a\", \"text\": 3}", "\"text\" is a number"), ("{\"id\": 3}", "line 2 has no field \"text\""),
    ("[1]", "line 2 is a list: expected one JSON object a line"), ("\"a\"", "line 2 is a string: expected one"),
    ("nonsense", "(column 1: expected a value)"),
  ])
  func `invalid lines are reported with their position`(line: String, words: String) throws {
    for first in ["{\"text\": \"x\"}", "\u{feff}{\"text\": \"x\"}\r"] {
      let error = #expect(throws: InvalidFileError.self) {
        try documents(Array((first + "\n" + line + "\n").utf8), named: "a.jsonl")
      }
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
  }

  @Test func `a line that is nested too deeply is not called invalid`() throws {
    let line = "{\"a\": " + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}"
    let error = #expect(throws: InvalidFileError.self) { try documents(Array(line.utf8), named: "a.jsonl") }
    #expect(error?.message == "line 1, column 134: values are nested deeper than 128")
  }

  @Test func `unread fields may be invalid, the last value counts, and names may be escaped`() throws {
    #expect(try documents(fault("nan.jsonl"), named: "nan.jsonl") == ["a"])
    #expect(try documents(fault("d.jsonl"), named: "d.jsonl") == ["two"])
    let line = #"{"a": [-Infinity, {"text": "in"}], "b": "\ud83d", "te\u0078t": "A\/\b\f\r\t\"\\\ud83d\ude00é"}"#
    #expect(try documents(Array(line.utf8), named: "a.jsonl") == ["A/\u{8}\u{c}\r\t\"\\😀é"])
    #expect(try documents(Array("{\"text\": 3, \"text\": \"b\"}".utf8), named: "a.jsonl") == ["b"])
  }

  @Test func `the samples of invalid files are reported`() throws {
    for (name, words) in [
      ("sur.jsonl", "line 1 is not valid JSON (column 12: \\ud83d is half of a surrogate pair"),
      ("lat.jsonl", "is not UTF-8 at byte 12, in line 1"),
    ] {
      let error = #expect(throws: InvalidFileError.self) { try documents(fault(name), named: name) }
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
    let index = fixture("faults/m_text_document.idx")
    try withTemporaryFolder { folder in
      let error = #expect(throws: InvalidFileError.self) {
        try TokenImporter(TokenImporter.Options()).build([index], output: folder + "/out.h5")
      }
      #expect(error?.path == index && error?.message.contains("6 tokens of uint16, 12 bytes") == true)
      #expect(error?.message.contains("has 18 bytes") == true)
      var options = TokenImporter.Options()
      (options.headerless, options.vocabularySize) = (.uint16, 100_278)
      let small = #expect(throws: InputFormatError.self) {
        try TokenImporter(options).build([fixture("faults/olmo.npy")], output: folder + "/out.h5")
      }
      #expect(small?.message.contains("ends at 65535, too small for the vocabulary of 100278 tokens") == true)
      options.headerless = .uint32
      let built = try TokenImporter(options).build([fixture("faults/olmo.npy")], output: folder + "/out.h5")
      #expect(built.tokens == 4)
    }
  }

  @Test func `a corpus whose type is too small for its vocabulary has a warning`() throws {
    try withTemporaryFolder { folder in
      let file = try HDF5File.create(folder + "/a.h5")
      try file.write("tokens", [1, 2, 3] as [UInt16])
      try file.setAttribute("vocab_size", to: 100_278)
      try file.setAttribute("eos_token_id", to: 100_257)
      try file.close()
      let corpus = try TokenFile(folder + "/a.h5")
      let warning = corpus.capacityWarning ?? ""
      #expect(try CorpusVerifier().verify(corpus).warning == warning)
      #expect(warning.contains("uint16, which ends at 65535, and vocab_size is 100278"), "\(warning)")
      let error = #expect(throws: InvalidFileError.self) { try corpus.requireDocuments() }
      #expect(error?.message.contains("which cannot hold eos_token_id 100257") == true)
      try writeCorpus(0..<9, to: folder + "/b.h5")
      #expect(try CorpusVerifier().verify(TokenFile(folder + "/b.h5")).warning == nil)
    }
  }

  @Test func `a glob that matches a name that is not UTF-8 is an error`() throws {
    try withTemporaryFolder { folder in
      let path = (Array("\(folder)/c".utf8) + [0xe9] + Array(".h5".utf8) + [0]).map { CChar(bitPattern: $0) }
      close(open(path, O_WRONLY | O_CREAT, 0o600))
      let error = #expect(throws: StorageError.self) { try DataSource.paths(matching: folder + "/*.h5") }
      #expect(error?.message.contains("\\xe9.h5") == true && error?.message.contains("rename") == true)
    }
  }
}
