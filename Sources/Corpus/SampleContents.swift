import Storage

/// What a sample is made of: its tokens, and the documents that they are from.
public struct SampleContents {
  /// The part of one document that lies in a sample.
  public struct Part: Sendable, Equatable {
    /// Its number in the corpus, from 0; nil where the corpus has no `/documents`.
    public var document: Int?
    /// Positions in the corpus.
    public var tokens: Range<Int>
    /// Whether the document begins before the sample, and whether it goes on behind it. Both are true where nothing says
    /// where documents start.
    public var beginsBefore: Bool
    public var endsBehind: Bool
  }

  public let file: TokenFile
  /// Positions of its T + 1 tokens in the corpus.
  public let range: Range<Int>
  /// Likewise.
  public let tokens: [Int32]
  /// In their order; documents without a token in the sample are left out.
  public let parts: [Part]

  /// Reads one sample; where its documents start is looked up, not searched from the corpus's beginning.
  ///
  /// - Throws: `InvalidFileError` where `/documents` cannot be right around the sample; `StorageError`.
  public init(_ source: DataSource, sample: Int) throws {
    let (file, offset) = source.location(of: sample)
    let range = offset..<offset + source.sequenceLength + 1
    (self.file, self.range) = (file, range)
    // One token before, and one behind, say whether the sample's first and last documents are whole.
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
        endsBehind: !starts.contains(bounds.1) && bounds.1 < file.tokenCount)
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
