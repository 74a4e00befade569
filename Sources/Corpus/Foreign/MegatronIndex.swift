import Storage

/// The `.idx` file of Megatron's pair (`_IndexWriter` of its megatron/core/datasets/indexed_dataset.py), little-endian:
/// nine bytes of magic, the version 1 (uint64), a code for the number type (uint8), the number of sequences (uint64) and of
/// document boundaries (uint64); then the length of each sequence (int32), its byte offset in the `.bin` (int64), and the
/// boundaries (int64): the number of sequences before each, from 0 to all. Multimodal files append a byte for each
/// sequence.
struct MegatronIndex {
  static let magic: [UInt8] = Array("MMIDIDX\0\0".utf8)
  private static let headerBytes = 34

  let file: RandomAccessFile
  let numbers: TokenNumbers
  let sequenceCount: Int
  let boundaryCount: Int

  /// - Throws: `InvalidFileError` if the header is wrong or does not match the file's size; `StorageError`.
  init(_ path: String) throws {
    file = try RandomAccessFile(path)
    let header = try file.bytes(at: 0, count: min(file.size, Self.headerBytes))
    guard header.starts(with: Self.magic) else {
      throw InvalidFileError(path, "does not start like a Megatron .idx file (MMIDIDX)")
    }
    guard header.count == Self.headerBytes else {
      throw InvalidFileError(
        path, "has \(file.size) bytes, fewer than its header of \(Self.headerBytes): it was cut short")
    }
    let version = header.littleEndian(at: 9, as: UInt64.self)
    guard version == 1 else { throw InvalidFileError(path, "has index version \(version), expected 1") }
    numbers = TokenNumbers(try Self.kind(ofCode: header[17], path))
    let (sequences, boundaries) = (
      header.littleEndian(at: 18, as: UInt64.self), header.littleEndian(at: 26, as: UInt64.self)
    )
    let room = UInt64(file.size - Self.headerBytes)
    let (sequenceBytes, sequenceOverflow) = sequences.multipliedReportingOverflow(by: 12)
    let (boundaryBytes, boundaryOverflow) = boundaries.multipliedReportingOverflow(by: 8)
    let (bytes, overflow) = sequenceBytes.addingReportingOverflow(boundaryBytes)
    guard !sequenceOverflow, !boundaryOverflow, !overflow, bytes == room || bytes <= room && room - bytes == sequences
    else {
      throw InvalidFileError(
        path,
        "declares \(sequences) sequences and \(boundaries) document boundaries, but has \(file.size) bytes: it was cut "
          + "short or changed")
    }
    guard boundaries > 0 else {
      throw InvalidFileError(path, "has no document boundaries, expected at least the first, 0")
    }
    // Both are smaller than the file's size.
    (sequenceCount, boundaryCount) = (Int(sequences), Int(boundaries))
  }

  private static func kind(ofCode code: UInt8, _ path: String) throws -> TokenNumbers.Kind {
    switch code {
    case 1: return .uint8
    case 2: return .int8
    case 3: return .int16
    case 4: return .int32
    case 5: return .int64
    case 6, 7: throw InvalidFileError(path, "contains float\(code == 6 ? 64 : 32) numbers, which are not tokens")
    case 8: return .uint16
    default: throw InvalidFileError(path, "has the number type \(code), expected 1 to 8")
    }
  }

  var lengths: IndexColumn<Int32> { IndexColumn(file, at: Self.headerBytes) }
  /// Byte offsets.
  var pointers: IndexColumn<Int64> { IndexColumn(file, at: Self.headerBytes + 4 * sequenceCount) }
  var boundaries: IndexColumn<Int64> { IndexColumn(file, at: Self.headerBytes + 12 * sequenceCount) }
}

/// Reads consecutive numbers of a file, a block at a time.
struct IndexColumn<Number: FixedWidthInteger & BitwiseCopyable> {
  private let file: RandomAccessFile
  /// The offset of the first number after `block`.
  private var offset: Int
  private var block: [UInt8] = []
  private var used = 0

  init(_ file: RandomAccessFile, at offset: Int) {
    self.file = file
    self.offset = offset
  }

  /// The next number.
  ///
  /// - Precondition: the file has one.
  /// - Throws: `StorageError`.
  mutating func next() throws -> Int {
    if used == block.count {
      let whole = (file.size - offset) / MemoryLayout<Number>.size * MemoryLayout<Number>.size
      block = try file.bytes(at: offset, count: min(max(whole, MemoryLayout<Number>.size), 1 << 16))
      (offset, used) = (offset + block.count, 0)
    }
    defer { used += MemoryLayout<Number>.size }
    return Int(truncatingIfNeeded: block.littleEndian(at: used, as: Number.self))
  }
}
