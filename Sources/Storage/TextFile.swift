import Text

/// A UTF-8 text file read into memory.
public struct TextFile: Sendable {
  /// A line, without the LF or CR LF that ends it.
  public struct Line: Sendable {
    public let bytes: [UInt8]
    /// Counted from 1.
    public let number: Int

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether it contains only spaces and tabs.
    public var isBlank: Bool { LineSplitter.Line.isBlank(bytes) }
  }

  public let path: String
  /// UTF-8, without the byte-order mark.
  public let bytes: [UInt8]

  /// Reads a file or a pipe.
  ///
  /// - Throws: `StorageError`: `.missing`; `.failed` if it cannot be read; `.damaged` if it is compressed, a Git LFS pointer,
  ///   or not UTF-8.
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

  /// The lines. Text after the last line end is a line if it is not empty.
  public var lines: [Line] {
    var lines: [Line] = []
    var splitter = LineSplitter()
    func add(_ line: LineSplitter.Line) { lines.append(Line(bytes: Array(line.bytes), number: line.number)) }
    bytes.withUnsafeBytes { splitter.read($0, add) }
    splitter.finish(add)
    return lines
  }
}
