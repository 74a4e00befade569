import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

@Suite struct TokenFileTests {
  @Test(arguments: [
    "plain-uint8.h5", "plain-uint16.h5", "gzip-uint32.h5", "big-endian-uint16.h5", "compact.h5", "soft-links.h5",
  ])
  func `corpora written by h5py are read`(name: String) throws {
    let file = try TokenFile(fixture(name))
    #expect(try file.allTokens() == fixtureTokens)
    var three: [Int32] = [0, 0, 0]
    try three.withUnsafeMutableBufferPointer { try file.readTokens(at: 100, into: $0) }
    #expect(three == Array(fixtureTokens[100..<103]))
  }

  @Test func `the attributes of a corpus are read`() throws {
    let plain = try TokenFile(fixture("plain-uint8.h5"))
    #expect(plain.elementType == .uint8)
    #expect(plain.vocabularySize == nil && plain.endOfDocument == nil && plain.documentCount == nil)
    #expect(plain.tokenizer == nil && plain.tokenizerSHA256 == nil)

    let described = try TokenFile(fixture("gzip-uint32.h5"))
    #expect(described.elementType == .uint32)
    #expect(described.vocabularySize == 251)
    #expect(described.endOfDocument == 250)
    #expect(described.tokenizer == "füchse")
    #expect(described.tokenizerSHA256 == "abc123")
    #expect(described.documentCount == 4)
    #expect(try TokenFile(fixture("big-endian-uint16.h5")).vocabularySize == 251)
  }

  @Test(arguments: [
    ("two-dimensional.h5", "[30, 10]"), ("floating.h5", "float32"), ("signed.h5", "int64"), ("strings.h5", "a string"),
    ("empty.h5", "empty"), ("no-tokens.h5", "words"), ("never-written.h5", "not written completely"),
    ("half-written.h5", "not written completely"), ("enormous-claim.h5", "not written completely"),
    ("tokens-are-a-group.h5", "/tokens"), ("vocabulary-is-text.h5", "vocab_size"),
    ("virtual.h5", "is virtual: its elements are stored in virtual-source.h5, and"),
    ("virtual-gone.h5", "stored in gone.h5 (which is missing), virtual-source.h5, and"),
    ("virtual-many.h5", "stored in part-9.h5 (which is missing), part-0.h5 (which is missing), part-1.h5 (which"),
    ("virtual-many.h5", "part-6.h5 (which is missing) and 3 more, and"), ("virtual-printf.h5", "part-%b.h5"),
    ("external-storage.h5", "tokens.bin (which is missing)"),
    ("link-to-file.h5", "/tokens is a link to /tokens of plain-uint16.h5"),
    ("link-through-file.h5", "/elsewhere is a link to / of plain-uint16.h5"),
    ("documents-link-to-file.h5", "/documents is a link to /documents of gzip-uint32.h5"),
    ("soft-link-to-nothing.h5", "/documents is a soft link to /starts, which does not exist"),
    ("soft-links-in-a-circle.h5", "part of a cycle"),
    ("documents-half-written.h5", "/documents was not written completely"),
    ("vocabulary-is-negative.h5", "-3"), ("vocabulary-is-a-list.h5", "2 elements"),
    // gzip-uint32.h5 with two changed bytes in the heap of its strings, on which HDF5 1.10.8 crashes.
    ("damaged-heap.h5", "points to a missing text"),
  ])
  func `files that are not corpora are refused with a reason`(name: String, reason: String) throws {
    do {
      _ = try TokenFile(fixture(name))
      Issue.record("\(name) was accepted as a corpus")
    } catch {
      #expect("\(error)".contains(name))
      #expect("\(error)".contains(reason), "\(error)")
      #expect(error is InvalidFileError || (error as? StorageError)?.kind == .damaged)
    }
  }

  @Test func `the error for a missing corpus explains how to build one`() throws {
    let error = #expect(throws: StorageError.self) { try TokenFile(fixture("nothing.h5")) }
    #expect(error?.kind == .missing)
    #expect(error?.description.contains("phd corpus build") == true)
  }

  @Test func `samples overlap by one token, and an incomplete last one is not used`() throws {
    let file = try TokenFile(fixture("plain-uint8.h5"))  // 300 tokens
    #expect(file.sampleCount(sequenceLength: 1) == 299)
    #expect(file.sampleCount(sequenceLength: 13) == 23)  // 23 × 13 + 1 = 300
    #expect(file.sampleCount(sequenceLength: 14) == 21)
    #expect(file.sampleCount(sequenceLength: 299) == 1)
    #expect(file.sampleCount(sequenceLength: 300) == 0)
  }

  @Test func `a token outside the vocabulary is reported with its position`() throws {
    let file = try TokenFile(fixture("large-token-uint32.h5"))
    var tokens: [Int32] = [0, 0]
    try tokens.withUnsafeMutableBufferPointer { buffer in
      try file.readTokens(at: 0, into: buffer, vocabularySize: 3)
      #expect(throws: InvalidFileError.self) { try file.readTokens(at: 0, into: buffer, vocabularySize: 2) }
      let error = #expect(throws: InvalidFileError.self) {
        try file.readTokens(at: 1, into: buffer, vocabularySize: Int(Int32.max))
      }
      #expect(error?.path == fixture("large-token-uint32.h5"))
      #expect(error?.message.contains("position 2 is 4000000000, the vocabulary has 2147483647") == true)
    }
  }

  @Test func `the content hash depends only on the content`() throws {
    let plain = try TokenFile(fixture("plain-uint16.h5")).contentHash()
    #expect(try TokenFile(fixture("big-endian-uint16.h5")).contentHash() == plain)
    #expect(try TokenFile(fixture("plain-uint8.h5")).contentHash() != plain)
    try withTemporaryFolder { folder in
      let path = folder + "/same.h5"
      try writeCorpus(fixtureTokens.map { Int($0) }, to: path)
      #expect(try TokenFile(path).contentHash() == plain)
      try writeCorpus(fixtureTokens.map { Int($0) }.dropLast() + [0], to: path)
      #expect(try TokenFile(path).contentHash() != plain)
    }
  }

  @Test func `a large corpus is hashed in parts from end to end`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/large.h5"
      try writeCorpus((0..<100_000).map { $0 % 1000 }, to: path)
      let file = try TokenFile(path)
      let ranges = file.hashedRanges(wholeUpTo: 1000)
      #expect(ranges.count == 258)
      #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == 100_000)
      for (range, next) in zip(ranges, ranges.dropFirst()) {
        #expect(!range.isEmpty && range.upperBound <= next.lowerBound)
      }
      #expect(try file.contentHash(of: ranges) != file.contentHash())
      #expect(file.hashedRanges() == [0..<100_000])
    }
  }

  /// Whether all content of a possibly damaged file can be read.
  private func isReadable(_ path: String) -> Bool {
    do {
      let file = try TokenFile(path)
      guard file.tokenCount <= 1 << 20 else { return false }
      _ = try CorpusVerifier().verify(file)
      _ = try file.contentHash()
      return true
    } catch {
      #expect(error is InvalidFileError || error is StorageError)
      return false
    }
  }

  @Test(arguments: ["plain-uint16.h5", "gzip-uint32.h5", "documents-out-of-order.h5", "built"])
  func `damaged corpora are read or refused, without a crash`(name: String) throws {
    try withTemporaryFolder { folder in
      var path = fixture(name)
      if name == "built" {
        path = folder + "/built.h5"
        try write((0..<500).map { UInt8($0 % 256) }, to: folder + "/text")
        _ = try CorpusBuilder(tokenizer: ByteTokenizer()).build([folder + "/text"], output: path)
      }
      let original = try bytes(of: path)
      var random = SplitMix(state: 7)
      var refused = 0
      for _ in 0..<300 {
        try write(damaged(original, with: &random), to: folder + "/copy.h5")
        refused += isReadable(folder + "/copy.h5") ? 0 : 1
      }
      #expect(refused > 30)
    }
  }
}
