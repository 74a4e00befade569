import Storage

/// The tokens of a sample and the documents that they belong to.
public struct SampleContents {
  /// The part of one document that is in a sample.
  public struct Part: Sendable, Equatable {
    /// The index of the document in the corpus; nil if the corpus has no `/documents`.
    public var document: Int?
    /// Positions in the corpus.
    public var tokens: Range<Int>
    /// Whether the document begins before the sample and continues after it. Both are true if the corpus does not record
    /// where documents start.
    public var beginsBefore: Bool
    public var endsAfter: Bool
  }

  public let file: TokenFile
  /// The positions of its T + 1 tokens in the corpus.
  public let range: Range<Int>
  /// The T + 1 tokens.
  public let tokens: [Int32]
  /// In order; without the documents that have no token in the sample.
  public let parts: [Part]

  /// Reads one sample. Its documents are found by binary search, not by a scan from the beginning of the corpus.
  ///
  /// - Throws: `InvalidFileError` if `/documents` is invalid around the sample; `StorageError`.
  public init(_ source: DataSource, sample: Int) throws {
    let (file, offset) = source.location(of: sample)
    let range = offset..<offset + source.sequenceLength + 1
    (self.file, self.range) = (file, range)
    // One token before and one after the sample tell whether its first and last documents are complete.
    let around = max(0, range.lowerBound - 1)..<min(file.tokenCount, range.upperBound + 1)
    var read = [Int32](repeating: 0, count: around.count)
    try read.withUnsafeMutableBufferPointer { try file.readTokens(at: around.lowerBound, into: $0) }
    var positions = read
    let documents = DocumentPositions(file)
    if file.documents != nil || file.endOfDocument != nil {
      try positions.withUnsafeMutableBufferPointer { positions in
        try read.withUnsafeBufferPointer { try documents.fill(positions, for: $0, at: around.lowerBound) }
      }
    } else {
      for index in positions.indices { positions[index] = Int32(index) }
    }
    let starts = around.filter { positions[$0 - around.lowerBound] == 0 && ($0 > around.lowerBound || $0 == 0) }
    let firsts = [range.lowerBound] + starts.filter { range.contains($0) && $0 > range.lowerBound }
    let ends = firsts.dropFirst() + [range.upperBound]
    let numbers = try file.documents.map { _ in try documents.documents(at: firsts) }
    parts = zip(firsts, ends).enumerated().map { index, bounds in
      Part(
        document: numbers?[index], tokens: bounds.0..<bounds.1,
        beginsBefore: !starts.contains(bounds.0) && bounds.0 > 0,
        endsAfter: !starts.contains(bounds.1) && bounds.1 < file.tokenCount)
    }
    tokens = Array(read[(range.lowerBound - around.lowerBound)...].prefix(range.count))
  }
}

extension Mixture {
  /// The samples of a global batch, in the order of its sequences.
  ///
  /// - Parameter step: counted from 1.
  public func batch(step: Int, size: Int) -> [SampleSchedule.Sample] {
    var cursor = schedule.cursor(at: (step - 1) * size)
    return (0..<size).map { _ in cursor.next() }
  }
}
