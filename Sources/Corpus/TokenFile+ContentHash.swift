import Storage

extension TokenFile {
  /// Up to so many bytes of tokens, the content hash is over all of them.
  static let wholeHashBytes = 1 << 30
  static let edgeHashBytes = 64 << 20
  static let sampledBlocks = 256
  static let sampledBlockBytes = 1 << 20

  /// XXH3-128 over the corpus's length, type and tokens: 32 hexadecimal digits.
  ///
  /// It tells whether a run is resumed with the data that it was started with, wherever the file lies and however it is
  /// chunked or compressed. Tokens of up to 1 GiB are hashed whole. Of more, the first and the last 64 MiB and 256
  /// blocks of 1 MiB at even distances between them: a change elsewhere is not seen.
  ///
  /// - Throws: `StorageError`.
  public func contentHash() throws -> String {
    try contentHash(of: hashedRanges())
  }

  func contentHash(of ranges: [Range<Int>]) throws -> String {
    let digest = ContentDigest()
    digest.update("tokens \(tokenCount) \(elementType.rawValue)\n")
    switch elementType {
    case .uint8: try hash(ranges, as: UInt8.self, into: digest)
    case .uint16: try hash(ranges, as: UInt16.self, into: digest)
    default: try hash(ranges, as: UInt32.self, into: digest)
    }
    return digest.hexadecimal
  }

  /// The ranges of tokens that the hash is over, ascending.
  func hashedRanges(wholeUpTo wholeBytes: Int = wholeHashBytes) -> [Range<Int>] {
    let width = elementType.byteCount
    guard tokenCount * width > wholeBytes else { return [0..<tokenCount] }
    let edge = min(Self.edgeHashBytes / width, tokenCount / 4)
    let block = min(Self.sampledBlockBytes / width, (tokenCount - 2 * edge) / Self.sampledBlocks)
    let room = tokenCount - 2 * edge - block
    let blocks = (0..<Self.sampledBlocks).map { index in
      let start = edge + Int((Double(room) * Double(index) / Double(Self.sampledBlocks - 1)).rounded(.down))
      return start..<start + block
    }
    return [0..<edge] + blocks + [tokenCount - edge..<tokenCount]
  }

  /// Hashes the tokens as little-endian numbers of the stored width.
  private func hash<Element: HDF5Element>(_ ranges: [Range<Int>], as: Element.Type, into digest: ContentDigest) throws {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: 1 << 20)
    defer { buffer.deallocate() }
    for range in ranges {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: buffer.count) {
        let part = UnsafeMutableBufferPointer(rebasing: buffer[..<min(buffer.count, range.upperBound - start)])
        try tokens.read(from: start, into: part)
        digest.update(UnsafeRawBufferPointer(part))
      }
    }
  }
}
