import Storage

/// Writes the tokens of a corpus as a file that NumPy reads.
public struct TokenExporter: Sendable {
  private let hasHeader: Bool

  /// - Parameter hasHeader: whether to write a `.npy` file for `numpy.load`; otherwise the file has only the little-endian
  ///   numbers, as nanoGPT, OLMo and `numpy.memmap` use them.
  public init(hasHeader: Bool) {
    self.hasHeader = hasHeader
  }

  /// Writes the tokens of the corpus `path`, in its own element type, to `output`. The file appears under that name only
  /// when it is complete and the corpus was not changed during the export.
  ///
  /// - Parameter report: receives the number of tokens written so far and the total.
  /// - Returns: the corpus.
  /// - Throws: `StorageError`, `.failed` if `output` is the corpus itself; `InvalidFileError`, also if the corpus was
  ///   changed during every attempt to read it; what `report` throws.
  @discardableResult public func export(
    _ path: String, to output: String, report: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
  ) throws -> TokenFile {
    _ = try InputFiles.byteCount(of: [path], output: output)
    return try WholeFile.write(to: output) { temporaryPath in
      try ConsistentRead.run(path) { corpus in
        try write(corpus, to: temporaryPath) { try report($0, corpus.tokenCount) }
        return corpus
      }
    }
  }

  private func write(_ corpus: TokenFile, to path: String, report: (Int) throws -> Void) throws {
    var writer = try ByteWriter(emptying: path)
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
