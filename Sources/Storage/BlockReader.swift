/// Reads a file or a pipe from its beginning to its end, block by block.
///
/// The first block can be examined before any is consumed, so that the format of a pipe can be recognized. Compressed
/// files are refused here (``FileSignature``); a decoder would take their blocks here too.
public final class BlockReader {
  public static let blockBytes = 1 << 20

  public let path: String
  private let reader: ByteReader
  private let buffer: UnsafeMutableRawBufferPointer
  private let firstCount: Int

  /// Opens the input and reads its first block.
  ///
  /// - Throws: `StorageError`: `.missing` if nothing is at `path`; `.damaged` if ``FileSignature`` recognizes the first
  ///   bytes; `.failed`.
  public init(_ path: String) throws {
    let reader = try ByteReader(path)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: BlockReader.blockBytes, alignment: 64)
    let count: Int
    do {
      count = try reader.read(into: buffer)
      try FileSignature.refuse(path, beginning: buffer[..<min(count, FileSignature.byteCount)])
    } catch {
      buffer.deallocate()
      throw error
    }
    self.path = path
    self.reader = reader
    self.buffer = buffer
    firstCount = count
  }

  deinit { buffer.deallocate() }

  /// The first block: ``blockBytes`` bytes, or all of a shorter input. Valid until ``forEachBlock(_:)`` is called.
  public var firstBlock: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<firstCount]) }

  /// Calls `body` with every block in order; only the last can be shorter than ``blockBytes``. May be called once.
  ///
  /// - Throws: `StorageError.failed`; what `body` throws.
  public func forEachBlock(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    var count = firstCount
    while true {
      if count > 0 { try body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
      if count < buffer.count { return }
      count = try reader.read(into: buffer)
    }
  }
}
