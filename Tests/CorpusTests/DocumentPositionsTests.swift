import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

/// Positions of tokens in their documents.
@Suite struct DocumentPositionsTests {
  /// Writes a corpus, optionally with document starts or an end-of-document token.
  private func write(
    _ path: String, tokens: [UInt8], starts: [UInt64]? = nil, endOfDocument: Int? = nil
  ) throws {
    let file = try HDF5File.create(path)
    try file.write("tokens", tokens)
    if let starts { try file.write("documents", starts) }
    if let endOfDocument { try file.setAttribute("eos_token_id", to: endOfDocument) }
    try file.close()
  }

  /// A simple implementation: the positions of `count` tokens from `offset` on, computed separately.
  private func slow(_ starts: [UInt64], at offset: Int, count: Int) -> [Int32] {
    (offset..<offset + count).map { place in
      let start = starts.filter { $0 <= place }.max().map { Int($0) } ?? 0
      return Int32(place - max(start, offset))
    }
  }

  private func read(
    _ positions: DocumentPositions, _ file: TokenFile, at offset: Int, count: Int
  ) throws -> [Int32] {
    var tokens = [Int32](repeating: 0, count: count)
    try tokens.withUnsafeMutableBufferPointer { try file.readTokens(at: offset, into: $0) }
    var found = [Int32](repeating: -7, count: count)
    try found.withUnsafeMutableBufferPointer { found in
      try tokens.withUnsafeBufferPointer { try positions.fill(found, for: $0, at: offset) }
    }
    return found
  }

  /// Document lengths: empty, one token, shorter and longer than a sample.
  private static let lengths: [[Int]] = [
    [1, 3, 0, 25, 7, 2, 0, 0, 40, 5, 12], [1], [2], [10], [11], [1000], [0, 1, 0, 9], [10, 0], [3, 0, 0, 1],
  ]

  @Test(arguments: lengths)
  func `positions from documents and from end-of-document tokens equal a token-by-token count`(_ lengths: [Int]) throws
  {
    try withTemporaryFolder { folder in
      let count = 401
      var (starts, place, index): ([UInt64], Int, Int) = ([], 0, 0)
      while place < count {
        starts.append(UInt64(place))
        place += lengths[index % lengths.count]
        index += 1
      }
      if place == count { starts.append(UInt64(count)) }
      var tokens = [UInt8](repeating: 3, count: count)
      for start in starts where start > 0 { tokens[Int(start) - 1] = 9 }
      try write(folder + "/starts.h5", tokens: tokens, starts: starts)
      try write(folder + "/ends.h5", tokens: tokens, endOfDocument: 9)
      for name in ["/starts.h5", "/ends.h5"] {
        let file = try TokenFile(folder + name)
        try file.requireDocuments()
        let positions = DocumentPositions(file)
        // Forwards and backwards.
        let offsets = Array(stride(from: 0, through: count - 11, by: 10))
        for offset in offsets + offsets.reversed() {
          #expect(
            try read(positions, file, at: offset, count: 11) == slow(starts, at: offset, count: 11),
            "\(name) at \(offset)")
        }
      }
    }
  }

  @Test func `positions are found among more documents than are kept in memory`() throws {
    try withTemporaryFolder { folder in
      let count = 3_000_000
      let starts = (0..<UInt64(count)).map { 2 * ($0 - ($0 % 5 == 3 ? 1 : 0)) }
      try write(folder + "/a.h5", tokens: [UInt8](repeating: 1, count: 2 * count), starts: starts)
      let file = try TokenFile(folder + "/a.h5")
      let positions = DocumentPositions(file)
      let scattered = (0..<300).map { $0 * 15_485_863 % (2 * count - 5000) }
      for offset in scattered + [0, 1, 2 * count - 5000] + scattered.prefix(20).flatMap({ [$0 + 3000, $0 + 900] }) {
        let offset = min(offset, 2 * count - 5000)
        let found = try read(positions, file, at: offset, count: 5000)
        let expected = (offset..<offset + 5000).map { place in
          // Document 5k + 3 is empty, and 5k + 2 has four tokens.
          let document = place / 2 - (place / 2 % 5 == 3 ? 1 : 0)
          return Int32(place - max(2 * document, offset))
        }
        #expect(found == expected, "at \(offset)")
      }
    }
  }

  @Test func `invalid document starts are errors in the samples around them and never crash`() throws {
    try withTemporaryFolder { folder in
      let starts = (0..<5000).map { UInt64(3 * $0) }
      for (entry, value) in [(0, 1), (1700, 9000), (1700, 3), (1700, 1 << 40), (4999, 20_000), (4999, 2), (1024, 1)] {
        var starts = starts
        starts[entry] = UInt64(value)
        try write(folder + "/a.h5", tokens: [UInt8](repeating: 1, count: 15_000), starts: starts)
        let file = try TokenFile(folder + "/a.h5")
        let positions = DocumentPositions(file)
        let error = #expect(throws: InvalidFileError.self) {
          _ = try read(positions, file, at: min(3 * entry, 14_989), count: 11)
        }
        #expect(error?.path == folder + "/a.h5" && error?.message.contains("position") == true, "\(entry)")
        for offset in stride(from: 0, through: 14_989, by: 10) {
          // Other samples have their positions or the error, never wrong positions.
          let positions = DocumentPositions(file)
          guard let found = try? read(positions, file, at: offset, count: 11) else { continue }
          #expect(found == slow((0..<5000).map { UInt64(3 * $0) }, at: offset, count: 11), "\(entry) at \(offset)")
        }
      }
    }
  }

  @Test func `a corpus without document starts, or with an empty list of them, is an error`() throws {
    try withTemporaryFolder { folder in
      try write(folder + "/none.h5", tokens: [1, 2, 3, 4])
      try write(folder + "/empty.h5", tokens: [1, 2, 3, 4], starts: [], endOfDocument: 2)
      for (name, word) in [("/none.h5", "eos_token_id"), ("/empty.h5", "empty")] {
        let file = try TokenFile(folder + name)
        for body in [{ try file.requireDocuments() }, { _ = try read(DocumentPositions(file), file, at: 0, count: 2) }]
        {
          let error = #expect(throws: InvalidFileError.self) { try body() }
          #expect(error?.path == folder + name && error?.message.contains(word) == true)
        }
      }
    }
  }

  @Test func `each rank reads the positions of its own tokens`() throws {
    try withTemporaryFolder { folder in
      let tokens = (0..<501).map { UInt8($0 % 7) }
      for name in ["a", "b"] { try write("\(folder)/\(name).h5", tokens: tokens, endOfDocument: 6) }
      let sources = [
        try DataSource(folder + "/*.h5", sequenceLength: 10), try DataSource(folder + "/a.h5", sequenceLength: 10),
      ]
      for localSequences in [0..<4, 4..<8] {
        let reader = try BatchReader(
          Mixture(sources, weights: [1, 1], seed: 1), vocabularySize: 7, globalBatchSize: 8,
          localSequences: Array(localSequences), documentMask: true)
        for _ in 0..<20 {
          let batch = try reader.next()
          let positions = try #require(batch.positions)
          #expect(positions.count == 44)
          for place in positions.indices {
            let starts = place % 11 == 0 || batch.tokens[place - 1] == 6
            #expect(positions[place] == (starts ? 0 : positions[place - 1] + 1))
          }
        }
      }
    }
  }
}
