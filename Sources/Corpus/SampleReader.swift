import Storage

/// Room for samples one after another.
public final class SampleBuffer {
  /// [sequences][sequenceLength + 1].
  public let tokens: UnsafeMutableBufferPointer<Int32>
  /// Likewise: how far each token is from its document's start, or from the sample's where that is later. Nil where
  /// samples are not split into documents.
  public let positions: UnsafeMutableBufferPointer<Int32>?

  private let sampleTokens: Int

  /// All zeros.
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

  /// Of the tokens and positions of the first `sequences` samples, after `last`: two readings that have the same digest
  /// in the end have read the same.
  public func digest(sequences: Int, after last: UInt64) -> UInt64 {
    var words = [last, 0, 0]
    let count = sequences * sampleTokens
    words[1] = ContentDigest.hash(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: tokens[..<count])))
    if let positions {
      words[2] = ContentDigest.hash(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: positions[..<count])))
    }
    return words.withUnsafeBytes { ContentDigest.hash($0) }
  }

  /// Where a sequence's tokens lie in ``tokens`` and ``positions``.
  public func range(ofSequence sequence: Int) -> Range<Int> { sequence * sampleTokens..<(sequence + 1) * sampleTokens }
}

/// Reads samples and, where a buffer has room for them, their positions in documents. Used by one thread at a time.
public final class SampleReader {
  private let sources: [DataSource]
  private let vocabularySize: Int
  /// Of each source's files.
  private let documents: [[DocumentPositions]]

  /// - Parameters:
  ///   - vocabularySize: every token must be below it.
  ///   - documentMask: whether buffers that have room for positions will be given.
  public init(_ sources: [DataSource], vocabularySize: Int, documentMask: Bool) {
    self.sources = sources
    self.vocabularySize = vocabularySize
    documents = documentMask ? sources.map { $0.files.map { DocumentPositions($0) } } : []
  }

  /// Reads a sample of an entry to a sequence's place.
  ///
  /// - Throws: `InvalidFileError` for a token out of the vocabulary, and for documents that cannot be where `/documents` says;
  ///   `StorageError`.
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
