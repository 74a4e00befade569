import Storage

/// Makes sure that what was read of a corpus's samples is what the corpus holds, where somebody touches its files
/// meanwhile: else a part of what was measured is of other tokens.
public struct SampleCheck {
  private let source: DataSource
  /// Of the files, before the first sample was read.
  private let statuses: [FileStatus]
  private var digest: UInt64 = 0

  /// To be made before the first sample is read.
  ///
  /// - Throws: `StorageError.failed`.
  public init(_ source: DataSource) throws {
    self.source = source
    statuses = try source.files.map { try $0.status() }
  }

  /// A buffer's first `sequences` samples are used.
  public mutating func add(_ buffer: SampleBuffer, sequences: Int) {
    digest = buffer.digest(sequences: sequences, after: digest)
  }

  /// Reads all samples again where a file was touched since the check was made.
  ///
  /// - Parameters:
  ///   - samples: as they were given to `add`, a range each time.
  ///   - buffer: room for the longest range.
  /// - Throws: `InvalidFileError` where the corpus holds something else; `StorageError.failed`.
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
