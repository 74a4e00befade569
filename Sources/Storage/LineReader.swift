/// The lines of a file, from a place on, read in blocks: memory is that of a block, or of the longest line.
public struct LineReader {
  private let file: RandomAccessFile
  private var buffer: [UInt8] = []
  /// Where the first byte of the buffer stands in the file.
  private var start: Int

  private static let blockSize = 1 << 20

  /// - Parameter position: of a line's first byte.
  /// - Throws: `StorageError` where the file cannot be read, or ends before `position`.
  public init(_ path: String, from position: Int = 0) throws {
    file = try RandomAccessFile(path)
    guard position <= file.size else {
      throw StorageError(.damaged, path, "ends at byte \(file.size), before byte \(position): it was cut")
    }
    start = position
  }

  /// Calls `body` with each line that a newline ends. What is behind the last newline stays for ``unfinished``.
  ///
  /// - Parameter body: told the bytes that the line lies in, where in them, without its newline, and where the line
  ///   begins in the file.
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

  /// Where the next line begins, or will.
  public var position: Int { start }

  /// What stands behind the last newline, once all lines were read.
  public var unfinished: [UInt8] { buffer }
}
