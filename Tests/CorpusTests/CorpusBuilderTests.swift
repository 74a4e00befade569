import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

@Suite struct CorpusBuilderTests {
  /// A simple implementation in memory: documents as lists of bytes.
  private func documents(of text: [UInt8], separator: String) -> [[UInt8]] {
    var documents: [[UInt8]] = [[]]
    var line: [UInt8] = []
    func endLine(_ line: [UInt8]) {
      let content = line.last == 10 ? Array(line.dropLast()) : line
      let separates =
        !line.isEmpty
        && (content == Array(separator.utf8) || content == Array(separator.utf8) + [13])
      if separates { documents.append([]) } else { documents[documents.count - 1] += line }
    }
    for byte in text {
      line.append(byte)
      if byte == 10 {
        endLine(line)
        line = []
      }
    }
    endLine(line)
    return documents
  }

  private final class Collector: DocumentConsumer {
    var documents: [[UInt8]] = []
    private var current: [UInt8] = []

    func add(_ piece: UnsafeRawBufferPointer) { current += piece }

    func endDocument() {
      documents.append(current)
      current = []
    }
  }

  private func read(_ text: [UInt8], with reader: some DocumentReader, blockBytes: Int) throws -> [[UInt8]] {
    var reader = reader
    let collector = Collector()
    for start in stride(from: 0, to: text.count, by: blockBytes) {
      try text[start..<min(text.count, start + blockBytes)].withUnsafeBytes { try reader.read($0, into: collector) }
    }
    try reader.finish(into: collector)
    return collector.documents
  }

  @Test(arguments: ["---", "-", "", "a-a"])
  func `separators are found across blocks`(separator: String) throws {
    var random = SplitMix(state: 3)
    for _ in 0..<400 {
      let pieces = ["-", "---", "--", "a", "a-a", "\n", "\n", "\r\n", "\r", "\n---\n", "\n---\r\n", "\n-\n", "é"]
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        pieces[Int.random(in: 0..<pieces.count, using: &random)]
      }.joined()
      let expected = documents(of: Array(text.utf8), separator: separator)
      for blockBytes in [1, 2, 3, 5, 1000] {
        let found = try read(
          Array(text.utf8), with: SeparatedDocumentReader(separator: separator), blockBytes: blockBytes)
        #expect(found == expected, "\(text.debugDescription) in blocks of \(blockBytes)")
      }
    }
  }

  @Test func `separators divide documents as documented`() throws {
    func found(_ text: String) throws -> [String] {
      try read(Array(text.utf8), with: SeparatedDocumentReader(separator: "==="), blockBytes: 4).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    #expect(try found("") == [""])
    #expect(try found("a\nb") == ["a\nb"])
    #expect(try found("a\n===\nb\n") == ["a\n", "b\n"])
    #expect(try found("===\na\n===\n===\nb\n===") == ["", "a\n", "", "b\n", ""])
    #expect(try found("a\n===\n") == ["a\n", ""])
    #expect(try found("a\r\n===\r") == ["a\r\n", ""])
    #expect(try found(" ===\n====\n== =\n") == [" ===\n====\n== =\n"])
    #expect(try found("a\r\n===\r\nb") == ["a\r\n", "b"])
  }

  @Test func `JSON lines are documents`() throws {
    let text = #"{"text": "a\u00e9\ud83d\ude00\n"}"# + "\n\n" + #"{"id": 3, "text": ""}"# + "\r\n" + #"{"text":"z"}"#
    for blockBytes in [1, 7, 1000] {
      let found = try read(Array(text.utf8), with: JSONLinesReader(path: "x.jsonl"), blockBytes: blockBytes)
      #expect(found.map { String(decoding: $0, as: UTF8.self) } == ["aé😀\n", "", "z"])
    }
  }

  @Test(arguments: [
    #"{"text": "cut"#, #"{"body": "no text"}"#, #"{"text": 3}"#, #"{"text": null}"#, #"["text"]"#, "text", "\u{0}",
  ])
  func `an invalid JSON line is reported with its number`(line: String) throws {
    let text = Array((#"{"text": "fine"}"# + "\n\n" + line + "\n").utf8)
    let error = #expect(throws: InvalidFileError.self) {
      try read(text, with: JSONLinesReader(path: "x.jsonl"), blockBytes: 10)
    }
    #expect(error?.path == "x.jsonl")
    #expect(error?.message.contains("line 3") == true)
  }

  @Test func `invalid UTF-8 in JSON is an error`() throws {
    let text = Array(#"{"text": ""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8)
    #expect(throws: InvalidFileError.self) { try read(text, with: JSONLinesReader(path: "x.jsonl"), blockBytes: 10) }
  }

  @Test func `a corpus contains its texts byte for byte`() throws {
    try withTemporaryFolder { folder in
      // More than the 65 536 tokens and the 8192 documents of a chunk; not UTF-8.
      var random = SplitMix(state: 8)
      let long = (0..<200_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      let many = [UInt8]((0..<9000).map { "\($0)\n" }.joined(separator: "#\n").utf8)
      try write(long, to: folder + "/long.bin")
      try write([], to: folder + "/empty.txt")
      try write(many, to: folder + "/many.txt")
      try write(Array(#"{"text":"é"}"#.utf8), to: folder + "/lines.JSONL")
      let output = folder + "/corpus.h5"
      var reports: [CorpusBuilder.Progress] = []
      let built = try CorpusBuilder(tokenizer: ByteTokenizer(), documentSeparator: "#").build(
        ["long.bin", "empty.txt", "many.txt", "lines.JSONL"].map { folder + "/" + $0 }, output: output,
        report: { reports.append($0) })

      let expected =
        documents(of: long, separator: "#") + [[]] + documents(of: many, separator: "#") + [Array("é".utf8)]
      var (tokens, starts): ([Int32], [UInt64]) = ([], [])
      for document in expected {
        starts.append(UInt64(tokens.count))
        tokens += document.map { Int32($0) } + [256]
      }
      let file = try TokenFile(output)
      #expect(try file.allTokens() == tokens)
      #expect(try file.documents?.array(of: UInt64.self) == starts)
      #expect(file.elementType == .uint16)
      #expect(file.vocabularySize == 257 && file.endOfDocument == 256 && file.tokenizer == "bytes")
      #expect(file.documents?.elementType == .uint64)
      #expect(built.tokens == tokens.count && built.documents == starts.count)
      #expect(built.bytesRead == built.totalBytes && reports.last?.bytesRead == built.totalBytes)
      #expect(try CorpusVerifier().verify(file).largestToken == 256)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 5)
    }
  }

  @Test func `invalid inputs leave no corpus`() throws {
    try withTemporaryFolder { folder in
      let (text, output) = (folder + "/a.jsonl", folder + "/corpus.h5")
      let builder = CorpusBuilder(tokenizer: ByteTokenizer())
      try write(Array("{\"text\":\"a\"}\nnonsense\n".utf8), to: text)
      #expect(throws: InvalidFileError.self) { try builder.build([text], output: output) }
      try write([], to: text)
      #expect(throws: InvalidFileError.self) { try builder.build([text], output: output) }
      let missing = #expect(throws: StorageError.self) { try builder.build([folder + "/b"], output: output) }
      #expect(missing?.kind == .missing)
      #expect(throws: StorageError.self) { try builder.build([folder], output: output) }
      #expect(throws: StorageError.self) { try builder.build([text], output: text) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.jsonl"])
    }
  }

  @Test(arguments: [
    ("documents-out-of-order.h5", "document 2 starts at position 50"),
    ("documents-out-of-range.h5", "document 1 starts at position 301"),
    ("documents-start-late.h5", "document 0 starts at position 5"),
  ])
  func `wrong document starts are found`(name: String, reason: String) throws {
    let error = #expect(throws: InvalidFileError.self) { try CorpusVerifier().verify(TokenFile(fixture(name))) }
    #expect(error?.message.contains(reason) == true)
  }

  @Test func `tokens outside the vocabulary are found`() throws {
    let file = try TokenFile(fixture("gzip-uint32.h5"))
    #expect(try CorpusVerifier().verify(file).documents == 4)
    let error = #expect(throws: InvalidFileError.self) {
      // The first position of 250, the largest token, has 7·i mod 251 = 250.
      try CorpusVerifier(vocabularySize: 250).verify(try TokenFile(fixture("plain-uint8.h5")))
    }
    let position = fixtureTokens.firstIndex(of: 250) ?? -1
    #expect(error?.message.contains("position \(position) is 250, the vocabulary has 250") == true)
    #expect(throws: InvalidFileError.self) { try CorpusVerifier(vocabularySize: 250).verify(file) }
  }
}
