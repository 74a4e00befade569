/// This rank's parts of the global batches, in their order, as they are read one after another.
public struct BatchSequence {
  private let reader: SampleReader
  private var cursor: SampleSchedule.Cursor
  private let globalBatchSize: Int
  private let localSequences: [Int]
  private let sequenceLength: Int
  private let documentMask: Bool

  /// As of ``BatchReader``.
  public init(
    _ mixture: Mixture, vocabularySize: Int, globalBatchSize: Int, localSequences: [Int], documentMask: Bool,
    startingAt samplesConsumed: Int
  ) {
    reader = SampleReader(mixture.sources, vocabularySize: vocabularySize, documentMask: documentMask)
    cursor = mixture.schedule.cursor(at: samplesConsumed)
    self.globalBatchSize = globalBatchSize
    self.localSequences = localSequences
    sequenceLength = mixture.sources[0].sequenceLength
    self.documentMask = documentMask
  }

  var localCount: Int { localSequences.count }

  func makeBuffer() -> SampleBuffer {
    SampleBuffer(sequences: localSequences.count, sequenceLength: sequenceLength, documentMask: documentMask)
  }

  /// Reads the next global batch's part and returns the epoch of the batch's first sample.
  mutating func next(into buffer: SampleBuffer) throws -> Int {
    var (epoch, place) = (0, 0)
    for sequence in 0..<globalBatchSize {
      let sample = cursor.next()
      if sequence == 0 { epoch = sample.epoch }
      guard place < localSequences.count, localSequences[place] == sequence else { continue }
      try reader.read(sample.index, of: sample.entry, to: place, in: buffer)
      place += 1
    }
    return epoch
  }

  /// Reads so many batches and returns the last one's ``Batch/digest``, where `last` was that of the batch before them.
  ///
  /// - Throws: as ``BatchReader/next()``.
  public mutating func digest(ofNext batches: Int, after last: UInt64) throws -> UInt64 {
    let buffer = makeBuffer()
    var digest = last
    for _ in 0..<batches {
      _ = try next(into: buffer)
      digest = buffer.digest(sequences: localSequences.count, after: digest)
    }
    return digest
  }
}
