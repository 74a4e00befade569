import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

@Suite struct BatchReaderTests {
  /// The sequences and the epoch of each step.
  private func batches(
    _ mixture: Mixture, steps: Int, globalBatchSize: Int, ranks: Int, startingAt samplesConsumed: Int = 0
  ) throws -> [(sequences: [[Int32]], epoch: Int)] {
    let local = globalBatchSize / ranks
    let readers = try (0..<ranks).map {
      try BatchReader(
        mixture, vocabularySize: 1000, globalBatchSize: globalBatchSize,
        localSequences: Array($0 * local..<($0 + 1) * local), startingAt: samplesConsumed)
    }
    return try (0..<steps).map { _ in
      var (sequences, epochs): ([[Int32]], Set<Int>) = ([], [])
      for reader in readers {
        let batch = try reader.next()
        let length = batch.tokens.count / local
        sequences += (0..<local).map { Array(batch.tokens[$0 * length..<($0 + 1) * length]) }
        epochs.insert(batch.epoch)
      }
      #expect(epochs.count == 1)
      return (sequences, epochs.first ?? -1)
    }
  }

  private func withMixture(_ body: (Mixture) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try writeCorpus(0..<351, to: folder + "/a.h5")  // 35 samples of 10
      try writeCorpus(400..<611, to: folder + "/b.h5")  // 21 samples
      let sources = [
        try DataSource(folder + "/a.h5", sequenceLength: 10), try DataSource(folder + "/b.h5", sequenceLength: 10),
      ]
      try body(Mixture(sources, weights: [0.7, 0.3], seed: 4))
    }
  }

  @Test func `any number of ranks reads the same global batch`() throws {
    try withMixture { mixture in
      let one = try batches(mixture, steps: 12, globalBatchSize: 12, ranks: 1)
      for ranks in [2, 3, 4, 6, 12] {
        let split = try batches(mixture, steps: 12, globalBatchSize: 12, ranks: ranks)
        #expect(split.map { $0.sequences } == one.map { $0.sequences })
        #expect(split.map { $0.epoch } == one.map { $0.epoch })
      }
    }
  }

  @Test func `a reader can start at any step`() throws {
    try withMixture { mixture in
      let all = try batches(mixture, steps: 12, globalBatchSize: 12, ranks: 1).map { $0.sequences }
      for step in [1, 5, 11] {
        let rest = try batches(
          mixture, steps: 12 - step, globalBatchSize: 12, ranks: 2, startingAt: 12 * step)
        #expect(rest.map { $0.sequences } == Array(all[step...]))
      }
    }
  }

  /// Across a resume, the end of a stage and the ends of epochs.
  @Test(arguments: [1, 2, 8]) func `ranks together read the shares of each stage`(ranks: Int) throws {
    try withMixture { two in
      let stages = [SampleSchedule.Stage(weights: [0.7, 0.3]), SampleSchedule.Stage(start: 40, weights: [0.1, 0.9])]
      let mixture = Mixture(two.sources, stages: stages, seed: 4)
      let steps =
        try batches(mixture, steps: 3, globalBatchSize: 8, ranks: ranks)
        + batches(mixture, steps: 12, globalBatchSize: 8, ranks: ranks, startingAt: 24)
      var (excess, least, most) = (0.0, 0.0, 0.0)
      for (position, sequence) in steps.flatMap(\.sequences).enumerated() {
        excess += (sequence[0] >= 400 ? 1 : 0) - (position < 40 ? 0.3 : 0.9)
        (least, most) = (min(least, excess), max(most, excess))
      }
      #expect(least > -1 && most < 1 && most - least < 2)
    }
  }

  @Test func `batches can span one or several epochs`() throws {
    try withMixture { mixture in
      // 35 samples: batches of 16 span the end of an epoch, batches of 80 span two.
      for batchSize in [16, 80] {
        let steps = try batches(
          Mixture([mixture.sources[0]], weights: [1], seed: 4), steps: 7, globalBatchSize: batchSize, ranks: 2)
        let consumed = steps.flatMap { $0.sequences }
        for epoch in 0..<consumed.count / 35 {
          let starts = consumed[epoch * 35..<(epoch + 1) * 35].map { Int($0[0]) }
          #expect(starts.sorted() == (0..<35).map { $0 * 10 })
        }
        #expect(steps.map { $0.epoch } == (0..<7).map { $0 * batchSize / 35 })
        for sequence in consumed { #expect(sequence == (0...10).map { sequence[0] + $0 }) }
      }
    }
  }

  @Test func `a token outside the vocabulary is reported in its step`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.h5"
      var tokens = [Int](repeating: 1, count: 101)
      tokens[77] = 500
      try writeCorpus(tokens, to: path)
      let mixture = Mixture([try DataSource(path, sequenceLength: 10)], weights: [1], seed: 4)
      var cursor = mixture.schedule.cursor(at: 0)
      let badStep = (0..<10).first { _ in cursor.next().index == 7 }
      let reader = try BatchReader(
        mixture, vocabularySize: 500, globalBatchSize: 1, localSequences: [0])
      for _ in 0..<(badStep ?? 0) { _ = try reader.next() }
      for _ in 0..<2 {
        let error = #expect(throws: InvalidFileError.self) { _ = try reader.next() }
        #expect(error?.path == path)
        #expect(error?.message.contains("position 77 is 500, the vocabulary has 500 tokens") == true)
      }
    }
  }

  @Test func `a reader can be stopped at any time`() throws {
    try withMixture { mixture in
      for taken in 0..<4 {
        let reader = try BatchReader(
          mixture, vocabularySize: 1000, globalBatchSize: 4, localSequences: [1, 3])
        for _ in 0..<taken {
          let tokens = try reader.next().tokens
          #expect(tokens.count == 22)
        }
        if taken % 2 == 0 { reader.stop() }
      }
    }
  }
}
