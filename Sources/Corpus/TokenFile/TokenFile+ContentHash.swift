import Storage

extension TokenFile {
  /// Up to this many bytes of tokens, the content hash covers all of them.
  static let wholeHashBytes = 1 << 30
  static let edgeHashBytes = 64 << 20
  static let sampledBlocks = 256
  static let sampledBlockBytes = 1 << 20

  /// XXH3-128 over the number, type and values of the tokens: 32 hexadecimal digits.
  ///
  /// A run compares it on resume, so that the data can be moved, chunked or compressed differently but not changed. Up to
  /// 1 GiB, all tokens are hashed. Above, the first and last 64 MiB and 256 evenly spaced blocks of 1 MiB between them are
  /// hashed, so a change elsewhere is not detected.
  ///
  /// - Throws: `StorageError`.
  public func contentHash() throws -> String {
    try contentHash(of: hashedRanges())
  }

  func contentHash(of ranges: [Range<Int>]) throws -> String {
    let digest = ContentDigest()
    digest.update("tokens \(tokenCount) \(elementType.rawValue)\n")
    switch elementType {
    case .uint8: try hash(tokens, ranges, as: UInt8.self, into: digest)
    case .uint16: try hash(tokens, ranges, as: UInt16.self, into: digest)
    default: try hash(tokens, ranges, as: UInt32.self, into: digest)
    }
    return digest.hexadecimal
  }

  /// A description of how the corpus records document starts, which changes if they do. `/documents` is hashed like the
  /// tokens.
  ///
  /// - Throws: `StorageError`.
  public func documentFingerprint() throws -> String {
    guard let documents else { return endOfDocument.map { "documents end with \($0)" } ?? "no documents" }
    let digest = ContentDigest()
    try hash(documents, Self.hashedRanges(of: documents.elementCount, width: 8), as: UInt64.self, into: digest)
    return "\(documents.elementCount) documents, hash \(digest.hexadecimal)"
  }

  /// The ranges of tokens that the hash covers, ascending.
  func hashedRanges(wholeUpTo wholeBytes: Int = wholeHashBytes) -> [Range<Int>] {
    Self.hashedRanges(of: tokenCount, width: elementType.byteCount, wholeUpTo: wholeBytes)
  }

  private static func hashedRanges(
    of count: Int, width: Int, wholeUpTo wholeBytes: Int = wholeHashBytes
  ) -> [Range<Int>] {
    guard count * width > wholeBytes else { return [0..<count] }
    let edge = min(edgeHashBytes / width, count / 4)
    let block = min(sampledBlockBytes / width, (count - 2 * edge) / sampledBlocks)
    let room = count - 2 * edge - block
    let blocks = (0..<sampledBlocks).map { index in
      let start = edge + Int((Double(room) * Double(index) / Double(sampledBlocks - 1)).rounded(.down))
      return start..<start + block
    }
    return [0..<edge] + blocks + [count - edge..<count]
  }

  /// Hashes the elements as little-endian numbers of type `Element`.
  private func hash<Element: HDF5Element>(
    _ dataset: HDF5Dataset, _ ranges: [Range<Int>], as: Element.Type, into digest: ContentDigest
  ) throws {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: 1 << 20)
    defer { buffer.deallocate() }
    for range in ranges {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: buffer.count) {
        let part = UnsafeMutableBufferPointer(rebasing: buffer[..<min(buffer.count, range.upperBound - start)])
        try dataset.read(from: start, into: part)
        digest.update(UnsafeRawBufferPointer(part))
      }
    }
  }
}
