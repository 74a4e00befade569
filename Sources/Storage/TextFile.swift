import Text

/// A whole text file: UTF-8, with or without a byte-order mark.
public struct TextFile: Sendable {
  /// A line, without the LF or CR LF that ends it.
  public struct Line: Sendable {
    public let bytes: [UInt8]
    /// Counted from 1.
    public let number: Int

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether there is nothing in it but spaces and tabs.
    public var isBlank: Bool { LineSplitter.Line.isBlank(bytes) }
  }

  public let path: String
  /// UTF-8, without the byte-order mark.
  public let bytes: [UInt8]

  /// Reads a file or a pipe to its end.
  ///
  /// - Throws: `StorageError`: `.missing`; `.failed` where it cannot be read; `.damaged` where it is compressed or a
  ///   Git LFS pointer, or is not UTF-8, with the place.
  public init(_ path: String) throws {
    var bytes = try ByteReader.contents(of: path)
    if let offset = UTF8Check.firstInvalid(in: bytes[...]) {
      let line = bytes[..<offset].count { $0 == 0x0a } + 1
      throw StorageError(
        .damaged, path, "is not UTF-8 at byte \(offset), in line \(line): convert it (iconv -t UTF-8)")
    }
    if bytes.starts(with: ByteOrderMark.utf8) { bytes.removeFirst(ByteOrderMark.utf8.count) }
    self.path = path
    self.bytes = bytes
  }

  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The lines. What follows the last line end is one where there is anything.
  public var lines: [Line] {
    var lines: [Line] = []
    var splitter = LineSplitter()
    func add(_ line: LineSplitter.Line) { lines.append(Line(bytes: Array(line.bytes), number: line.number)) }
    bytes.withUnsafeBytes { splitter.read($0, add) }
    splitter.finish(add)
    return lines
  }
}
