/// Reads the lines of a file from a position on. Memory is proportional to a block and the longest line.
public struct LineReader {
  private let file: RandomAccessFile
  private var buffer: [UInt8] = []
  /// The position in the file of the first byte of the buffer.
  private var start: Int

  private static let blockSize = 1 << 20

  /// - Parameter position: the position of the first byte of a line.
  /// - Throws: `StorageError` if the file cannot be read or ends before `position`.
  public init(_ path: String, from position: Int = 0) throws {
    file = try RandomAccessFile(path)
    guard position <= file.size else {
      throw StorageError(.damaged, path, "ends at byte \(file.size), before byte \(position): it was cut short")
    }
    start = position
  }

  /// Calls `body` with each line that ends with a newline. The bytes after the last newline remain in ``unfinished``.
  ///
  /// - Parameter body: receives a buffer, the range of the line in it without its newline, and the line's position in the
  ///   file.
  /// - Throws: `StorageError`; what `body` throws.
  public mutating func forEachLine(_ body: (_ bytes: [UInt8], _ line: Range<Int>, _ position: Int) throws -> Void)
    throws
  {
    while start + buffer.count < file.size {
      let searched = buffer.count
      let next = start + buffer.count
      buffer += try file.bytes(at: next, count: min(LineReader.blockSize, file.size - next))
      var (begin, index) = (0, searched)
      let end = buffer.count
      while index < end {
        if buffer[index] == UInt8(ascii: "\n") {
          try body(buffer, begin..<index, start + begin)
          begin = index + 1
        }
        index += 1
      }
      buffer.removeFirst(begin)
      start += begin
    }
  }

  /// The position of the next line.
  public var position: Int { start }

  /// The bytes after the last newline, once all lines have been read.
  public var unfinished: [UInt8] { buffer }
}
