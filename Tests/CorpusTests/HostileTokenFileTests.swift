import Foundation
import JSON
import Storage
import TestSupport
import Testing

@testable import Corpus

/// Token files that are truncated, damaged or inconsistent: they are read, or an error names the file; never a crash.
@Suite struct HostileTokenFileTests {
  private typealias Samples = TokenFileSamples

  private static let dictionary = "{'descr': '<u2', 'fortran_order': False, 'shape': (12,), }"

  private struct Sample {
    var format: any TokenFormat
    var bytes: [UInt8]
    /// The other file of a Megatron pair.
    var tokens: [UInt8] = []
    /// The size of the header in bytes. Files of up to this size must be refused.
    var headerBytes: Int
  }

  private static let samples: [Sample] = [
    Sample(
      format: NumPyFormat(), bytes: Samples.npy(dictionary, Samples.tokens), headerBytes: 10 + dictionary.utf8.count + 1
    ),
    Sample(
      format: NumPyFormat(), bytes: Samples.npy(dictionary, Samples.tokens, version: 3),
      headerBytes: 12 + dictionary.utf8.count + 1),
    Sample(format: HeaderlessFormat.memmap, bytes: Samples.tokens, headerBytes: 0),
    Sample(format: HeaderlessFormat.nanogpt, bytes: Samples.tokens, headerBytes: 0),
    Sample(format: LLMCFormat(), bytes: Samples.llmc(count: 12, Samples.tokens), headerBytes: 1024),
    Sample(
      format: LLMCFormat(), bytes: Samples.llmc(magic: 20_240_801, version: 7, count: 6, Samples.tokens),
      headerBytes: 1024),
    Sample(
      format: MegatronFormat(), bytes: Samples.index, tokens: Samples.tokens, headerBytes: Samples.index.count - 1),
    Sample(
      format: TokenLinesFormat(),
      bytes: Array("[1, 2, 3]\n{\"id\": [\"a\", {\"b\": -1.5e3}], \"tokens\": [4, 70000]}\n\n[]\n".utf8), headerBytes: 0
    ),
  ]

  /// Reads a file, or a pair.
  ///
  /// - Returns: the tokens; nil if the file was refused with an error that names it.
  @discardableResult
  private func outcome(
    _ bytes: [UInt8], tokens: [UInt8], as format: any TokenFormat, in folder: String
  ) throws -> TokenCollector? {
    let name = folder + (format is MegatronFormat ? "/file.idx" : "/file")
    try write(bytes, to: name)
    if format is MegatronFormat { try write(tokens, to: folder + "/file.bin") }
    var options = TokenImporter.Options()
    if format.name == "memmap" { options.headerless = .uint32 }
    do {
      return try readTokens(name, as: format, options)
    } catch let error as InvalidFileError {
      #expect(error.path.hasPrefix(folder) && error.message.split(separator: "\n").count <= 2, "\(error)")
    } catch let error as StorageError {
      #expect(error.path.hasPrefix(folder) && error.kind == .damaged, "\(error)")
    }
    return nil
  }

  @Test(arguments: samples.indices)
  func `truncated files are refused`(index: Int) throws {
    let sample = Self.samples[index]
    try withTemporaryFolder { folder in
      let whole = try outcome(sample.bytes, tokens: sample.tokens, as: sample.format, in: folder)
      #expect(whole != nil)
      for length in 0..<sample.bytes.count {
        let cut = Array(sample.bytes[..<length])
        let read = try outcome(cut, tokens: sample.tokens, as: sample.format, in: folder)
        if length <= sample.headerBytes { #expect(read == nil || length == 0 && sample.headerBytes == 0, "\(length)") }
        switch sample.format.name {
        case "npy", "llmc", "megatron": #expect(read == nil, "\(length) bytes")
        case "memmap": #expect((read != nil) == length.isMultiple(of: 4))
        case "nanogpt": #expect((read != nil) == length.isMultiple(of: 2))
        default: break
        }
      }
      for length in sample.tokens.indices {
        let cut = Array(sample.tokens[..<length])
        #expect(try outcome(sample.bytes, tokens: cut, as: sample.format, in: folder) == nil, "\(length) of the tokens")
      }
    }
  }

  @Test(arguments: samples.indices)
  func `damaged files are refused or read, without a crash`(index: Int) throws {
    let sample = Self.samples[index]
    var random = SplitMix(state: UInt64(index) + 5)
    try withTemporaryFolder { folder in
      for _ in 0..<1000 {
        // llm.c's header is mostly unused zeros, so its beginning is damaged more often.
        var changed = damaged(sample.bytes, with: &random)
        if sample.format is LLMCFormat && Bool.random(using: &random) {
          changed = damaged(Array(sample.bytes[..<12]), with: &random) + sample.bytes[12...]
        }
        let tokens =
          sample.tokens.isEmpty || Bool.random(using: &random) ? sample.tokens : damaged(sample.tokens, with: &random)
        if let read = try outcome(changed, tokens: tokens, as: sample.format, in: folder) {
          #expect(read.tokens.count <= changed.count + tokens.count)
          #expect(read.ends.allSatisfy { $0 <= read.tokens.count })
        }
      }
    }
  }

  @Test(arguments: [
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (13,), }", "cut short or changed"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (11,), }", "after its array"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (9223372036854775807,), }", "cut short or changed"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "4611686018427387904 × 4"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (92233720368547758070,), }", "not a Python dictionary"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (-12,), }", "not a Python dictionary"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (nan,), }", "not a Python dictionary"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': nan, }", "not a Python dictionary"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (True,), }", "not a size"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': 12, }", "not a tuple"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (), }", "0 dimensions"),
    ("{'descr': '<u2', 'fortran_order': 0, 'shape': (12,), }", "neither True nor False"),
    ("{'descr': '<u2', 'fortran_order': True, 'shape': (3, 4), }", "Fortran order"),
    ("{'descr': '<u2', 'shape': (12,), }", "no 'fortran_order'"),
    ("{'descr': '<u2', 'descr': '<u4', 'fortran_order': False, 'shape': (12,), }", "more than one 'descr'"),
    ("{'descr': '<f2', 'fortran_order': False, 'shape': (12,), }", "'<f2'"),
    ("{'descr': '<u16', 'fortran_order': False, 'shape': (12,), }", "'<u16'"),
    ("{'descr': '', 'fortran_order': False, 'shape': (12,), }", "type ''"),
    ("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (12,), }", "records"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (((((((((12,),),),),),),),),)}", "not a Python dictionary"),
    ("{'descr': '<u2', 'fortran_order': False, 'shape': (12,)", "not a Python dictionary"),
    ("__import__('os').system('true')", "not a Python dictionary"), ("", "not a Python dictionary"),
  ])
  func `well-formed but wrong array headers are refused`(dictionary: String, reason: String) throws {
    try refused(NumPyFormat(), Samples.npy(dictionary, Samples.tokens), reason)
  }

  @Test func `headers of unknown versions and lengths are refused`() throws {
    var bytes = Samples.npy(Self.dictionary, Samples.tokens)
    bytes[6] = 4
    try refused(NumPyFormat(), bytes, "version 4.0")
    bytes[6] = 1
    (bytes[8], bytes[9]) = (0xff, 0xff)
    try refused(NumPyFormat(), bytes, "a header of 65535 bytes")
    bytes = Samples.npy(Self.dictionary, Samples.tokens, version: 2)
    (bytes[8], bytes[9], bytes[10], bytes[11]) = (0xff, 0xff, 0xff, 0xff)
    try refused(NumPyFormat(), bytes, "a header of 4294967295 bytes")
    let long = Samples.npy(Self.dictionary + String(repeating: " ", count: 1 << 17), Samples.tokens, version: 2)
    try refused(NumPyFormat(), long, "more than a list of tokens needs")

    for shard in [Samples.llmc(count: 12, Samples.tokens), Samples.llmc(magic: 20_240_522, count: 12, Samples.tokens)] {
      // A truncated header is recognized too.
      for count in [1036, 1024, 512, 8] {
        #expect(LLMCHeader.begins(Array(shard.prefix(count))), "\(count) bytes")
      }
    }
    #expect(!LLMCHeader.begins(Samples.llmc(version: 2, count: 12, Samples.tokens)))
    #expect(!LLMCHeader.begins([]) && !LLMCHeader.begins(Samples.tokens))
    try refused(LLMCFormat(), Samples.llmc(count: -1, Samples.tokens), "declares -1 tokens")
    try refused(LLMCFormat(), Samples.llmc(count: .max, Samples.tokens), "declares 2147483647 tokens")
    try refused(LLMCFormat(), Samples.llmc(version: 7, count: 12, Samples.tokens), "12 tokens of uint32")
    try refused(LLMCFormat(), Samples.llmc(version: 2, count: 12, Samples.tokens), "version 2")
    try refused(LLMCFormat(), Samples.llmc(magic: 20_240_522, count: 12, Samples.tokens), "multiple-choice")
  }

  @Test func `wrong indexes are refused`() throws {
    func index(
      _ lengths: [Int32] = [3, 4, 5], _ pointers: [Int64] = [0, 6, 14], _ boundaries: [Int64] = [0, 2, 3],
      code: UInt8 = 8, version: UInt64 = 1, sequences: UInt64? = nil, boundaryCount: UInt64? = nil
    ) -> [UInt8] {
      Samples.megatronIndex(
        code: code, version: version, sequences: sequences, boundaryCount: boundaryCount, lengths: lengths,
        pointers: pointers, boundaries: boundaries)
    }
    for (bytes, reason) in [
      (index(version: 2), "version 2"), (index(code: 0), "number type 0"), (index(code: 7), "float32"),
      (index(sequences: .max), "18446744073709551615 sequences"),
      (index(sequences: .max / 12 + 1), "sequences and 3 document boundaries"),
      (index(boundaryCount: .max / 8 + 1), "3 sequences and"),
      (index(sequences: 1 << 61, boundaryCount: 1 << 60), "cut short or changed"),
      (index(sequences: 2), "cut short or changed"),
      (index([], [], []), "no document boundaries"),
      (index([3, -4, 5]), "sequence 1 has -4 tokens"), (index([3, .max, 5]), "sequence 1 has 2147483647 tokens"),
      (index([3, 4, 6]), "sequence 2 has 6 tokens from byte 14"),
      (index([3, 4, 5], [0, -6, 14]), "from byte -6"),
      (index([3, 4, 5], [0, .max, 14]), "from byte 9223372036854775807"),
      (index([3, 4, 5], [0, .max - 7, 14]), "sequence 1"), (index([12, 4, 5], [0, 6, 14]), "they overlap"),
      // Lengths that do not count the end-of-document tokens; overlapping sequences; a gap.
      (index([3, 3, 5]), "3 sequences have 11 tokens of uint16, 22 bytes"), (index([3, 3, 5]), "has 24 bytes"),
      (index([3, 4, 5], [0, 4, 14]), "overlap and leave gaps"),
      (index([3, 4, 5], [0, 0, 14]), "overlap and leave gaps"),
      (index([2, 4, 6], [0, 6, 12]), "overlap and leave gaps"),
      (index([4, 4, 4], [0, 0, 0]), "overlap and leave gaps"),
      (index([3, 4, 5], [0, 6, 14], [1, 2, 3]), "the first is 1"),
      (index([3, 4, 5], [0, 6, 14], [0, 3, 2]), "boundary 2 is 2, after 3"),
      (index([3, 4, 5], [0, 6, 14], [0, -1, 3]), "boundary 1 is -1"),
      (index([3, 4, 5], [0, 6, 14], [0, 2, 4]), "boundary 2 is 4, but there are 3"),
      (index([3, 4, 5], [0, 6, 14], [0, 1, 2]), "the last is 2"),
      (index([3, 4, 5], [0, 6, 14], [0]), "the last is 0"),
    ] {
      try refused(MegatronFormat(), bytes, reason)
    }
    // Valid: sequences in another order, empty sequences, empty documents.
    try withTemporaryFolder { folder in
      let read = try outcome(
        index([2, 0, 10], [20, 4, 0], [0, 0, 1, 1, 3]), tokens: Samples.tokens, as: MegatronFormat(), in: folder)
      #expect(read?.tokens == [11, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      #expect(read?.ends == [0, 2, 2, 12])
    }
  }

  @Test(arguments: [
    ("[1, -2]", "line 1, column 5: expected a token"), ("[4294967296]", "column 2: expected a token, 0 to 2^32 - 1"),
    ("[99999999999999999999999999]", "column 2"), ("[1.0]", "as an integer"), ("[1e3]", "as an integer"),
    ("[01]", "as an integer"), ("[1 2]", "expected \",\" or \"]\""), ("[1,]", "column 4"), ("[", "column 2"),
    ("[1", "column 3"), ("[1]]", "end of the line"), ("[1] [2]", "end of the line"), ("[true]", "as an integer"),
    ("[[1]]", "column 2"),
    ("[\"1\"]", "as an integer"), ("3", "expected a list of tokens"), ("{\"text\": \"a\"}", "no field \"tokens\" or"),
    ("{\"tokens\": \"a\"}", "not a list"), ("{\"tokens\": null}", "not a list"),
    ("{\"tokens\": [1], \"tokens\": 2}", "not a list"),
    ("{\"tokens\": [1], \"input_ids\": [2]}", "choose one"), ("{\"tokens\": [1], \"a\": nan}", "expected a value"),
    ("{\"tokens\": [1], \"a\": }", "expected a value"), ("{\"tokens\": [1]", "\",\" or \"}\""),
    ("{\"tok", "no closing quote"),
    ("{\"a\": \"\\", "no closing quote"), ("{\"tokens\" [1]}", "expected \":\""), ("{tokens: [1]}", "a field's name"),
    ("{\"tokens\": [1],}", "a field's name"), ("[\u{FEFF}1]", "as an integer"), ("[1\u{0}]", "column 3"),
  ])
  func `invalid token lines are refused with their position`(line: String, reason: String) throws {
    try refused(TokenLinesFormat(), Array(line.utf8), reason)
    try refused(TokenLinesFormat(), Array(("[1]\n\n" + line + "\n[2]\n").utf8), "line 3, column")
  }

  @Test func `deeply nested lines are refused`() throws {
    let deep = String(repeating: "[", count: 100_000)
    try refused(
      TokenLinesFormat(), Array("{\"a\": \(deep), \"tokens\": [1]}".utf8), "column 134: values are nested deeper")
    try refused(TokenLinesFormat(), Array(deep.utf8), "as an integer")
  }

  @Test func `token lines are accepted exactly if JSONValue parses the same tokens`() throws {
    let original = Array(#"{"a": ["xé", -1.5e3, true, {"b": null}], "tokens": [4, 70000, 0], "context": ""}"#.utf8)
    var random = SplitMix(state: 77)
    var (read, refused) = (0, 0)
    for _ in 0..<10_000 {
      let line = damaged(original, with: &random)
      guard !line.contains(10), !line.contains(UInt8(ascii: "\\")), String(validating: line, as: UTF8.self) != nil
      else { continue }
      let expected = (try? JSONValue(parsing: line)).flatMap { listOfTokens($0["tokens"]) }
      var tokens: [UInt32] = []
      let isRead = line.withUnsafeBufferPointer { buffer in
        var parser = TokenLineParser(buffer, fields: ["tokens"])
        return (try? parser.parse(into: &tokens)) != nil
      }
      #expect(expected == (isRead ? tokens : nil), "\(String(decoding: line, as: UTF8.self))")
      if isRead { read += 1 } else { refused += 1 }
    }
    #expect(read > 300 && refused > 300, "\(read), \(refused)")
  }

  private func listOfTokens(_ value: JSONValue?) -> [UInt32]? {
    guard let numbers = value?.array else { return nil }
    var tokens: [UInt32] = []
    for number in numbers {
      guard case .integer(let integer) = number, let token = UInt32(exactly: integer) else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  private func refused(_ format: any TokenFormat, _ bytes: [UInt8], _ reason: String) throws {
    try withTemporaryFolder { folder in
      let name = folder + (format is MegatronFormat ? "/file.idx" : "/file")
      try write(bytes, to: name)
      if format is MegatronFormat { try write(Samples.tokens, to: folder + "/file.bin") }
      let error = #expect(throws: InvalidFileError.self) { try readTokens(name, as: format) }
      #expect(error?.path == name && error?.message.contains(reason) == true, "\(error.map(String.init) ?? "")")
    }
  }
}
