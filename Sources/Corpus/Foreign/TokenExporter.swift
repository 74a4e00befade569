import Storage

/// Writes a corpus's tokens as a file that NumPy reads.
public struct TokenExporter: Sendable {
  private let hasHeader: Bool

  /// - Parameter hasHeader: a `.npy` file that `numpy.load` reads; else the little-endian numbers alone, as nanoGPT, OLMo
  ///   and `numpy.memmap` have them.
  public init(hasHeader: Bool) {
    self.hasHeader = hasHeader
  }

  /// Writes the tokens of `corpus`, of its own type, to `output`. Nothing has that name before it is whole.
  ///
  /// - Parameter report: called with the number of tokens written so far, now and then.
  /// - Throws: `StorageError`, `.failed` where `output` is the corpus itself; what `report` throws.
  public func export(_ corpus: TokenFile, to output: String, report: (Int) throws -> Void = { _ in }) throws {
    _ = try InputFiles.byteCount(of: [corpus.path], output: output)
    try WholeFile.write(to: output) { temporaryPath in
      var writer = try ByteWriter(emptying: temporaryPath)
      if hasHeader {
        let header = NumPyHeader.bytes(unsignedBytes: corpus.elementType.byteCount, count: corpus.tokenCount)
        try header.withUnsafeBytes { try writer.append($0) }
      }
      switch corpus.elementType {
      case .uint8: try copy(corpus, as: UInt8.self, to: &writer, report)
      case .uint16: try copy(corpus, as: UInt16.self, to: &writer, report)
      default: try copy(corpus, as: UInt32.self, to: &writer, report)
      }
    }
  }

  private func copy<Token: HDF5Element & FixedWidthInteger>(
    _ corpus: TokenFile, as: Token.Type, to writer: inout ByteWriter, _ report: (Int) throws -> Void
  ) throws {
    let block = UnsafeMutableBufferPointer<Token>.allocate(capacity: min(corpus.tokenCount, 1 << 20))
    defer { block.deallocate() }
    for start in stride(from: 0, to: corpus.tokenCount, by: 1 << 20) {
      let part = UnsafeMutableBufferPointer(rebasing: block[..<min(block.count, corpus.tokenCount - start)])
      try corpus.tokens.read(from: start, into: part)
      for index in part.indices { part[index] = part[index].littleEndian }
      try writer.append(UnsafeRawBufferPointer(part))
      try report(start + part.count)
    }
  }
}
