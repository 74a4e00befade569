import Storage

/// A buffer for consecutive samples.
public final class SampleBuffer {
  /// [sequences][sequenceLength + 1].
  public let tokens: UnsafeMutableBufferPointer<Int32>
  /// [sequences][sequenceLength + 1]: the distance of each token from the start of its document or of the sample, whichever
  /// is later. Nil if samples are not split into documents.
  public let positions: UnsafeMutableBufferPointer<Int32>?

  private let sampleTokens: Int

  /// Makes a buffer of zeros.
  public init(sequences: Int, sequenceLength: Int, documentMask: Bool) {
    sampleTokens = sequenceLength + 1
    tokens = .allocate(capacity: sequences * sampleTokens)
    tokens.initialize(repeating: 0)
    positions = documentMask ? .allocate(capacity: tokens.count) : nil
    positions?.initialize(repeating: 0)
  }

  deinit {
    tokens.deallocate()
    positions?.deallocate()
  }

  /// The digest of the tokens and positions of the first `sequences` samples, chained to the digest `last`.
  public func digest(sequences: Int, after last: UInt64) -> UInt64 {
    var words = [last, 0, 0]
    let count = sequences * sampleTokens
    words[1] = ContentDigest.hash(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: tokens[..<count])))
    if let positions {
      words[2] = ContentDigest.hash(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: positions[..<count])))
    }
    return words.withUnsafeBytes { ContentDigest.hash($0) }
  }

  /// The range of a sequence in ``tokens`` and ``positions``.
  public func range(ofSequence sequence: Int) -> Range<Int> { sequence * sampleTokens..<(sequence + 1) * sampleTokens }
}

/// Reads samples and, if the buffer has them, their positions in documents. To be used by one thread at a time.
public final class SampleReader {
  private let sources: [DataSource]
  private let vocabularySize: Int
  /// One for each file of each source.
  private let documents: [[DocumentPositions]]

  /// - Parameters:
  ///   - vocabularySize: every token must be below it.
  ///   - documentMask: whether the buffers have positions.
  public init(_ sources: [DataSource], vocabularySize: Int, documentMask: Bool) {
    self.sources = sources
    self.vocabularySize = vocabularySize
    documents = documentMask ? sources.map { $0.files.map { DocumentPositions($0) } } : []
  }

  /// Reads a sample of an entry into a sequence of the buffer.
  ///
  /// - Throws: `InvalidFileError` for a token outside the vocabulary and for invalid `/documents`; `StorageError`.
  public func read(_ sample: Int, of entry: Int, to sequence: Int, in buffer: SampleBuffer) throws {
    let (number, offset) = sources[entry].place(of: sample)
    let range = buffer.range(ofSequence: sequence)
    let tokens = UnsafeMutableBufferPointer(rebasing: buffer.tokens[range])
    try sources[entry].files[number].readTokens(at: offset, into: tokens, vocabularySize: vocabularySize)
    if let positions = buffer.positions {
      try documents[entry][number].fill(
        UnsafeMutableBufferPointer(rebasing: positions[range]), for: UnsafeBufferPointer(tokens), at: offset)
    }
  }
}

/// Checks that samples read from a corpus are still what it contains, if another process touched its files meanwhile.
/// Otherwise a part of a measurement could be of other tokens.
public struct SampleCheck {
  private let source: DataSource
  /// The status of each file before the first sample was read.
  private let statuses: [FileStatus]
  private var digest: UInt64 = 0

  /// Create the check before reading the first sample.
  ///
  /// - Throws: `StorageError.failed`.
  public init(_ source: DataSource) throws {
    self.source = source
    statuses = try source.files.map { try $0.status() }
  }

  /// Records the first `sequences` samples of a buffer as read.
  public mutating func add(_ buffer: SampleBuffer, sequences: Int) {
    digest = buffer.digest(sequences: sequences, after: digest)
  }

  /// Reads all samples again if a file was touched since the check was created.
  ///
  /// - Parameters:
  ///   - samples: the range of samples of each call of `add`.
  ///   - buffer: a buffer for the longest range.
  /// - Throws: `InvalidFileError` if the corpus has other content now; `StorageError.failed`.
  public func finish(
    _ samples: [Range<Int>], vocabularySize: Int, documentMask: Bool, in buffer: SampleBuffer
  ) throws {
    if try source.files.map({ try $0.status() }) == statuses { return }
    let reader = SampleReader(
      [try source.reopeningTouched()], vocabularySize: vocabularySize, documentMask: documentMask)
    var again: UInt64 = 0
    for range in samples {
      for (place, sample) in range.enumerated() { try reader.read(sample, of: 0, to: place, in: buffer) }
      again = buffer.digest(sequences: range.count, after: again)
    }
    if again != digest { throw InvalidFileError.changedMeanwhile(source.pattern) }
  }
}
