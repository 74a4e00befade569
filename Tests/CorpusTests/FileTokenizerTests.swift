import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Tokenizers

@testable import Corpus

/// Corpora built with a tokenizer.json.
@Suite struct FileTokenizerTests {
  private static let line = "The dog doesn't know 12345 things; naïve cafés — 漢字 — do.\n"

  private func tokenizer(_ special: [String] = ["<|endoftext|>"]) throws -> BPETokenizer {
    var counts = WordCounts()
    var text = FileTokenizerTests.line
    try text.withUTF8 { try counts.add(UnsafeRawBufferPointer($0), .cl100k) }
    let bytes = BPETrainer(vocabularySize: 300, specialTokens: special).tokenizer(of: counts, cutWith: .cl100k)
    return try BPETokenizer(TokenizerFile(path: "small.json", name: "small", bytes: bytes))
  }

  @Test func `a corpus is the same bytes for any number of threads`() throws {
    try withTemporaryFolder { folder in
      let bpe = try tokenizer()
      // A long document that can be cut for several threads, one that cannot, empty ones, many short ones.
      let long = String(repeating: FileTokenizerTests.line, count: 12_000)
      let endless = String(repeating: "漢\n", count: 120_000)
      let short = (0..<9000).map { "\($0) dogs\n" } + ["", "", "<|endoftext|> in a text\n"]
      let documents = [long, endless] + short
      try write(Array(documents.joined(separator: "#\n").utf8), to: folder + "/text.txt")
      var first: [UInt8]?
      for threads in 1...3 {
        let output = folder + "/\(threads).h5"
        let builder = CorpusBuilder(tokenizer: try FileTokenizer(bpe), documentSeparator: "#", threads: threads)
        _ = try builder.build([folder + "/text.txt"], output: output)
        let made = try bytes(of: output)
        #expect(made == first ?? made)
        first = made
      }
      let file = try TokenFile(folder + "/2.h5")
      var (tokens, starts): ([Int32], [UInt64]) = ([], [])
      for document in documents {
        starts.append(UInt64(tokens.count))
        tokens += try bpe.encode(document).map { Int32($0) } + [0]
      }
      #expect(try file.allTokens() == tokens)
      #expect(try file.documents?.array(of: UInt64.self) == starts)
      #expect(file.tokenizer == "small" && file.vocabularySize == 300 && file.endOfDocument == 0)
      #expect(file.tokenizerSHA256 == bpe.file.sha256)
      #expect(try file.tokenizerFile()?.bytes == bpe.file.bytes)
    }
  }

  @Test func `invalid UTF-8 is reported with its position, and JSON lines with escapes are accepted`() throws {
    try withTemporaryFolder { folder in
      let builder = CorpusBuilder(tokenizer: try FileTokenizer(tokenizer()), threads: 2)
      for (bytes, place) in [([97, 0xff, 98], 1), (Array("aé".utf8).dropLast(), 1)] as [([UInt8], Int)] {
        try write([10] + [UInt8](repeating: 97, count: 3 << 20 - 1) + bytes, to: folder + "/a.txt")
        let error = #expect(throws: InvalidFileError.self) {
          try builder.build([folder + "/a.txt"], output: folder + "/a.h5")
        }
        #expect(error?.path == folder + "/a.txt")
        #expect(error?.message.contains("byte \(3 << 20 + place), in line 2") == true, "\(error?.message ?? "")")
      }
      try write(Array(#"{"text":"é\u0000"}"#.utf8), to: folder + "/a.jsonl")
      #expect(try builder.build([folder + "/a.jsonl"], output: folder + "/a.h5").documents == 1)
    }
  }

  @Test func `the end-of-document token is a usual one or the named one`() throws {
    #expect(try FileTokenizer(tokenizer()).endOfDocument == 0)
    #expect(try FileTokenizer(tokenizer(["<s>", "</s>"])).endOfDocument == 1)
    #expect(try FileTokenizer(tokenizer(["<s>", "<end>"]), endOfDocument: "<end>").endOfDocument == 1)
    for (special, named) in [(["<s>"], nil), (["<s>"], "<end>")] as [([String], String?)] {
      let error = #expect(throws: InvalidFileError.self) { try FileTokenizer(tokenizer(special), endOfDocument: named) }
      #expect(error?.message.contains("--end-of-document") == true)
    }
  }
}
