import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

/// Corpora that change while they are open.
@Suite struct ChangedCorpusTests {
  private let tokens = (0..<100_000).map { $0 * 7 % 251 }

  private func writeInPlace(_ bytes: [UInt8], to path: String) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.write(contentsOf: Data(bytes))
    try file.truncate(atOffset: UInt64(bytes.count))
    try file.close()
  }

  private func touch(_ path: String) throws {
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: path)
  }

  @Test func `reopening reads the disk and not the caches of HDF5`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.h5"
      // Chunked, so that HDF5 caches some chunks.
      let made = try HDF5File.create(path)
      let dataset = try made.makeExtendable("tokens", storing: .uint16, of: UInt16.self, chunkElements: 1000)
      try tokens.map { UInt16($0) }.withUnsafeBufferPointer { try dataset.append($0) }
      try made.close()
      let file = try TokenFile(path)
      let fingerprint = try file.fingerprint(documentMask: false)
      #expect(try !file.wasTouched())
      try file.requireContent(fingerprint, documentMask: false)
      var last: [Int32] = [0, 0]
      try last.withUnsafeMutableBufferPointer { try file.readTokens(at: tokens.count - 2, into: $0) }

      var bytes = try bytes(of: path)
      let end = bytes.count
      // Changes the tokens of the last chunk, wherever it is stored.
      for index in 0..<end / 2 where index > 4000 { bytes[2 * index] ^= bytes[2 * index + 1] == 0 ? 1 : 0 }
      try writeInPlace(bytes, to: path)
      #expect(try file.wasTouched())
      #expect(throws: (any Error).self) { try file.requireContent(fingerprint, documentMask: false) }
    }
  }

  @Test func `only written content counts as a change, not a touch or a rename`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.h5"
      try writeCorpus(tokens, to: path)
      let file = try TokenFile(path)
      let fingerprint = try file.fingerprint(documentMask: false)
      try touch(path)
      #expect(try file.wasTouched())
      try file.requireContent(fingerprint, documentMask: false)

      try writeCorpus(tokens.map { 250 - $0 }, to: folder + "/b.h5")
      #expect(rename(folder + "/b.h5", path) == 0)
      try file.requireContent(fingerprint, documentMask: false)
      #expect(try file.reopened().allTokens() == tokens.map { Int32($0) })
      #expect(try TokenFile(path).allTokens() == tokens.map { Int32(250 - $0) })

      for change in 0..<4 {
        try writeCorpus(tokens, to: path)
        let file = try TokenFile(path)
        let original = try bytes(of: path)
        switch change {
        case 0: try writeInPlace(original.dropLast(2) + [3, 0], to: path)
        case 1: try writeInPlace(Array(original.dropLast(1000)), to: path)
        case 2: try writeInPlace([], to: path)
        default:
          // The same tokens in a file with another layout.
          try writeCorpus(tokens, to: folder + "/b.h5")
          let other = try HDF5File.create(folder + "/b.h5", userBlockBytes: 512)
          try other.write("tokens", tokens.map { UInt16($0) })
          try other.close()
          try writeInPlace(try bytes(of: folder + "/b.h5"), to: path)
        }
        let error = #expect(throws: InvalidFileError.self) { try file.requireContent(fingerprint, documentMask: false) }
        #expect(error?.path == path && error?.message.contains("was changed while it was being read") == true)
      }
    }
  }

  @Test func `batches read again have the same digest unless the corpus has changed`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.h5"
      try writeCorpus(tokens, to: path)
      let mixture = Mixture([try DataSource(path, sequenceLength: 10)], weights: [1], seed: 4)
      func sequence(_ mixture: Mixture, at samples: Int) -> BatchSequence {
        BatchSequence(
          mixture, vocabularySize: 251, globalBatchSize: 6, localSequences: [1, 4], documentMask: false,
          startingAt: samples)
      }
      let reader = try BatchReader(
        mixture, vocabularySize: 251, globalBatchSize: 6, localSequences: [1, 4], startingAt: 60)
      var digests: [UInt64] = [0]
      for _ in 0..<20 { digests.append(try reader.next().digest) }
      #expect(Set(digests).count == 21)
      var again = sequence(mixture, at: 60)
      #expect(try again.digest(ofNext: 20, after: 0) == digests[20])
      again = sequence(try mixture.reopeningTouched(), at: 90)
      #expect(try again.digest(ofNext: 7, after: digests[5]) == digests[12])

      try writeInPlace(try bytes(of: path).enumerated().map { $0 % 40 == 38 && $0 > 4000 ? 0 : $1 }, to: path)
      again = sequence(try mixture.reopeningTouched(), at: 90)
      #expect(try again.digest(ofNext: 7, after: digests[5]) != digests[12])
      try writeInPlace(Array(try bytes(of: path).dropLast(500)), to: path)
      #expect(throws: InvalidFileError.self) { try mixture.reopeningTouched() }
    }
  }

  @Test func `a read during a write is repeated, and is an error after three attempts`() throws {
    try withTemporaryFolder { folder in
      let (path, output) = (folder + "/a.h5", folder + "/a.npy")
      try writeCorpus(tokens, to: path)
      let other = tokens.map { 250 - $0 }
      var passes = 0
      let found = try ConsistentRead.run(path) { file in
        passes += 1
        let tokens = try file.allTokens()
        if passes == 1 {
          try writeCorpus(other, to: folder + "/b.h5")
          try writeInPlace(try bytes(of: folder + "/b.h5"), to: path)
        }
        return tokens
      }
      #expect(passes == 2 && found == other.map { Int32($0) })
      // Errors of an attempt are discarded too.
      passes = 0
      #expect(
        try ConsistentRead.run(path) { _ in
          passes += 1
          if passes < 3 {
            try touch(path)
            throw InvalidFileError(path, "half of it")
          }
          return passes
        } == 3)
      let error = #expect(throws: InvalidFileError.self) {
        try TokenExporter(hasHeader: true).export(path, to: output) { _, _ in try touchAgain(path) }
      }
      #expect(error?.message.contains("three attempts") == true)
      #expect(!FileManager.default.fileExists(atPath: output))
      try TokenExporter(hasHeader: false).export(path, to: output)
      #expect(try bytes(of: output).count == 2 * tokens.count)
    }
  }

  private func touchAgain(_ path: String) throws {
    try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: path)
  }
}
