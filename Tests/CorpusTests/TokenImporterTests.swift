import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

/// Import and export of token files.
@Suite struct TokenImporterTests {
  private typealias Samples = TokenFileSamples

  private struct Built: Equatable {
    var tokens: [Int32]
    var documents: [UInt64]
    var type: HDF5ElementType
  }

  /// Builds a corpus from files of uint16 tokens with the extension `name`.
  private func build(
    _ files: [[UInt16]], named name: String = "npy", _ change: (inout TokenImporter.Options) -> Void = { _ in }
  ) throws -> Built {
    try withTemporaryFolder { folder in
      let inputs = files.indices.map { folder + "/\($0).\(name)" }
      for (input, tokens) in zip(inputs, files) { try write(Samples.bytes(tokens), to: input) }
      var options = TokenImporter.Options()
      options.headerless = .uint16
      change(&options)
      let built = try TokenImporter(options).build(inputs, output: folder + "/corpus.h5")
      let file = try TokenFile(folder + "/corpus.h5")
      #expect(built.tokens == file.tokenCount && built.documents == file.documentCount)
      #expect(built.bytesRead == built.totalBytes && built.totalBytes == files.reduce(0) { $0 + 2 * $1.count })
      #expect(file.vocabularySize == options.vocabularySize)
      #expect(file.endOfDocument == options.endOfDocument.map(Int.init))
      #expect(file.tokenizer == nil)
      _ = try CorpusVerifier().verify(file)
      return Built(
        tokens: try file.allTokens(), documents: try file.documents?.array(of: UInt64.self) ?? [],
        type: file.elementType)
    }
  }

  @Test func `each file is a document if no end-of-document token is given`() throws {
    let built = try build([[1, 2, 9], [], [3, 9, 4]])
    #expect(built == Built(tokens: [1, 2, 9, 3, 9, 4], documents: [0, 3, 3], type: .uint16))
  }

  @Test func `documents end after their last token and at the end of a file`() throws {
    let built = try build([[1, 9, 9, 2], [], [3, 9], [9]]) { $0.endOfDocument = 9 }
    #expect(built == Built(tokens: [1, 9, 9, 2, 3, 9, 9], documents: [0, 2, 3, 4, 6], type: .uint16))
  }

  @Test func `documents that start with a token continue across files`() throws {
    let built = try build([[1, 9, 2], [3, 9, 9], [4]]) { $0.startOfDocument = 9 }
    #expect(built == Built(tokens: [1, 9, 2, 3, 9, 9, 4], documents: [0, 1, 4, 5], type: .uint16))
  }

  @Test func `end-of-document tokens are appended on request where they are missing`() throws {
    let files: [[UInt16]] = [[1, 9, 2], [], [3, 9]]
    func ended(_ change: (inout TokenImporter.Options) -> Void = { _ in }) throws -> Built {
      try build(files) {
        ($0.endOfDocument, $0.appendsEndOfDocument) = (9, true)
        change(&$0)
      }
    }
    #expect(try ended() == Built(tokens: [1, 9, 2, 9, 3, 9], documents: [0, 2, 4], type: .uint16))
    let shards = try ended { $0.startOfDocument = 3 }
    #expect(shards == Built(tokens: [1, 9, 2, 9, 3, 9], documents: [0, 4], type: .uint16))
    let wide = try build([[1]]) { ($0.endOfDocument, $0.appendsEndOfDocument) = (70_000, true) }
    #expect(wide == Built(tokens: [1, 70_000], documents: [0], type: .uint32))
    // Without the option nothing is appended, and a token that the type cannot hold is an error.
    #expect(try build([[1]]) { $0.endOfDocument = 65_535 } == Built(tokens: [1], documents: [0], type: .uint16))
    #expect(throws: InputFormatError.self) { try build([[1]]) { $0.endOfDocument = 65_536 } }
  }

  @Test func `the element type follows the vocabulary, or the widest input`() throws {
    #expect(try build([[1]]) { $0.vocabularySize = 256 }.type == .uint8)
    #expect(try build([[1]]) { $0.vocabularySize = 65_536 }.type == .uint16)
    #expect(throws: InputFormatError.self) { try build([[1]]) { $0.vocabularySize = 65_537 } }
    #expect(try build([[1, 0]]) { ($0.vocabularySize, $0.headerless) = (65_537, .uint32) }.type == .uint32)
    #expect(try build([[0x0201]]) { $0.headerless = .uint8 } == Built(tokens: [1, 2], documents: [0], type: .uint8))
    #expect(
      try build([[1, 2, 0, 0]]) { $0.headerless = .int64 } == Built(tokens: [0x2_0001], documents: [0], type: .uint32))
  }

  @Test func `a token outside the vocabulary is reported with its position`() throws {
    // After the first block, and after the end of a document in it.
    var tokens = [UInt16](repeating: 5, count: 700_000)
    (tokens[600_000], tokens[650_000]) = (9, 100)
    let error = #expect(throws: InvalidFileError.self) {
      try build([[1], tokens]) { ($0.vocabularySize, $0.endOfDocument) = (100, 9) }
    }
    #expect(error?.path.hasSuffix("/1.npy") == true)
    #expect(error?.message.contains("position 650000 is 100, the vocabulary has 100") == true)
  }

  @Test func `the inputs must contain a token and must not include the output`() throws {
    #expect(throws: InvalidFileError.self) { try build([[], []]) }
    try withTemporaryFolder { folder in
      let (corpus, index, prefix) = (folder + "/a.h5", folder + "/m.idx", folder + "/m")
      try write(Samples.index, to: index)
      try write(Samples.tokens, to: prefix + ".bin")
      let importer = TokenImporter(TokenImporter.Options())
      for output in [index, prefix + ".bin"] {
        #expect(throws: StorageError.self) { try importer.build([prefix], output: output) }
      }
      #expect(try importer.build([prefix + ".bin", index], output: corpus).tokens == 12)
      #expect(try importer.build([prefix, prefix], output: corpus).documents == 4)
      #expect(throws: StorageError.self) { try TokenExporter(hasHeader: true).export(corpus, to: corpus) }
      #expect(try TokenFile(corpus).tokenCount == 24)
    }
  }

  @Test func `token files are recognized by content, companion and name`() throws {
    let npy = Samples.npy("{'descr': '<u2', 'fortran_order': False, 'shape': (12,), }", Samples.tokens)
    try withTemporaryFolder { folder in
      let files: [(name: String, bytes: [UInt8], format: String?)] = [
        ("a.npy", npy, "npy"), ("a.data", npy, "npy"), ("b.NPY", Samples.tokens, "memmap"), ("empty.npy", [], "memmap"),
        ("c.bin", Samples.llmc(count: 0, []), "llmc"), ("d.bin", Samples.bytes([Int32(20_240_522)]), "llmc"),
        ("e.bin", Samples.tokens, nil), ("e.idx", Array("no index".utf8), nil), ("e.bin", Samples.tokens, nil),
        ("f.idx", Samples.index, "megatron"), ("f.bin", Samples.tokens, "megatron"), ("g.jsonl", [], "tokens-jsonl"),
        ("h.txt", Array("text".utf8), nil), ("f", [], nil),
      ]
      for (name, bytes, format) in files {
        try write(bytes, to: folder + "/" + name)
        let recognized = try TokenFormats.recognized(folder + "/" + name)?.name
        #expect(recognized == format, "\(name)")
      }
      try FileManager.default.removeItem(atPath: folder + "/f")
      let prefix = try TokenFormats.recognized(folder + "/f")?.name
      #expect(prefix == "megatron")
      #expect(throws: StorageError.self) { try TokenFormats.recognized(folder) }
      #expect(throws: StorageError.self) { try TokenFormats.recognized(folder + "/none.npy") }
      #expect(throws: InputFormatError.self) { try TokenFormats.requireText(folder + "/a.data") }
      #expect(throws: Never.self) { try TokenFormats.requireText(folder + "/g.jsonl") }
    }
  }

  @Test func `numbers are decoded to tokens, or the first that is not a token is reported`() {
    func decoded(_ numbers: TokenNumbers, _ bytes: [UInt8]) -> [UInt32]? {
      var tokens = [UInt32](repeating: 0, count: bytes.count / numbers.byteCount)
      let wrong = bytes.withUnsafeBytes { bytes in
        tokens.withUnsafeMutableBufferPointer { numbers.decode(bytes, into: $0) }
      }
      if let wrong { return bytes.withUnsafeBytes { [UInt32(wrong), UInt32(numbers.text(at: wrong, of: $0).count)] } }
      return tokens
    }
    #expect(decoded(TokenNumbers(.uint8), [0, 127, 255]) == [0, 127, 255])
    #expect(decoded(TokenNumbers(.int8), [0, 127]) == [0, 127])
    #expect(decoded(TokenNumbers(.int8), [0, 127, 255]) == [2, 2])
    #expect(decoded(TokenNumbers(.uint16, isBigEndian: true), [1, 2, 0xff, 0xff]) == [0x102, 0xffff])
    #expect(decoded(TokenNumbers(.int16), [1, 0, 0, 0x80]) == [1, 6])
    #expect(decoded(TokenNumbers(.uint32), [0xff, 0xff, 0xff, 0xff]) == [.max])
    #expect(decoded(TokenNumbers(.int32, isBigEndian: true), [0, 1, 0, 0]) == [65_536])
    #expect(decoded(TokenNumbers(.int32), [0, 0, 0, 0x80]) == [0, 11])
    #expect(decoded(TokenNumbers(.uint64), [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]) == [.max])
    #expect(decoded(TokenNumbers(.uint64), [0, 0, 0, 0, 1, 0, 0, 0]) == [0, 10])
    #expect(decoded(TokenNumbers(.int64, isBigEndian: true), [0xff, 0, 0, 0, 0, 0, 0, 0]) == [0, 18])
  }

  @Test func `token lines are read across blocks`() throws {
    try withTemporaryFolder { folder in
      let lists = (0..<40).map { line in (0..<(line % 7) * 20_000).map { UInt32($0 * 31 + line) } }
      let text = lists.map { "\($0)" }.joined(separator: "\r\n\n")
      try write(Array(text.utf8), to: folder + "/a.jsonl")
      let read = try readTokens(folder + "/a.jsonl", as: TokenLinesFormat())
      #expect(read.tokens == lists.flatMap(\.self))
      #expect(read.ends == lists.indices.map { lists[...$0].reduce(0) { $0 + $1.count } })
    }
  }

  /// In a sparse file.
  @Test func `positions beyond 4 GiB are read`() throws {
    try withTemporaryFolder { folder in
      let far = 5 << 30
      try write(Samples.bytes([UInt16(7), 8, 9]), to: folder + "/a.bin")
      let file = try FileHandle(forUpdating: URL(filePath: folder + "/a.bin"))
      try file.seek(toOffset: UInt64(far))
      try file.write(contentsOf: Samples.bytes([UInt16(1), 2]))
      try file.close()
      let reader = TokenRangeReader(try RandomAccessFile(folder + "/a.bin"), TokenNumbers(.uint16), blockTokens: 4)
      defer { reader.deallocate() }
      let last = Array(try reader.tokens(at: far, count: 2) { $0 })
      #expect(last == [1, 2])
      let second = Array(try reader.tokens(at: 2, count: 2) { $0 })
      #expect(second == [8, 9])
      // Sequences without the hole do not cover the file.
      let index = Samples.megatronIndex(lengths: [2, 3], pointers: [Int64(far), 0], boundaries: [0, 1, 2])
      try write(index, to: folder + "/a.idx")
      let error = #expect(throws: InvalidFileError.self) { try readTokens(folder + "/a", as: MegatronFormat()) }
      #expect(error?.message.contains("10 bytes, but \(folder)/a.bin has \(far + 4) bytes") == true)
    }
  }

  /// Python 2's long integers, other field orders and quotes, no trailing commas, native byte order.
  @Test(arguments: [
    "{'descr': '<u2', 'fortran_order': False, 'shape': (12L,), }",
    "{\"shape\":(12,),\"fortran_order\":False,\"descr\":\"=u2\"}",
    "{'descr': '<i2', 'fortran_order': True, 'shape': (12,)}   ",
    "{'shape': (3, 4), 'fortran_order': False, 'descr': '<u2'}",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (12,), 'other': [None, ('a', 1)]}",
  ])
  func `headers of other writers are read`(dictionary: String) throws {
    try withTemporaryFolder { folder in
      try write(Samples.npy(dictionary, Samples.tokens), to: folder + "/a.npy")
      #expect(try readTokens(folder + "/a.npy", as: NumPyFormat()).tokens == Array(1...12))
    }
  }

  @Test(arguments: [0, 1, 9, 12, 345_678])
  func `exported headers are aligned to 64 bytes`(count: Int) throws {
    for size in [1, 2, 4] {
      let header = NumPyHeader.bytes(unsignedBytes: size, count: count)
      #expect(header.count.isMultiple(of: 64) && header.last == 10)
      try withTemporaryFolder { folder in
        try write(header + [UInt8](repeating: 0, count: size * count), to: folder + "/a.npy")
        let read = try NumPyHeader(of: RandomAccessFile(folder + "/a.npy"))
        #expect(read.count == count && read.numbers.byteCount == size && read.byteCount == header.count)
      }
    }
  }
}
