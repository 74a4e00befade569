import Storage

/// The `.idx` file of Megatron's pair (`_IndexWriter` of its megatron/core/datasets/indexed_dataset.py), little-endian:
/// nine bytes of magic, the version 1 (uint64), a code for the numbers' type (uint8), how many sequences (uint64) and how
/// many document boundaries (uint64) there are; each sequence's length (int32), each one's place in the `.bin` in bytes
/// (int64), and the boundaries (int64): the number of sequences before each, from 0 to all of them. With images among
/// the text a byte for each sequence follows.
struct MegatronIndex {
  static let magic: [UInt8] = Array("MMIDIDX\0\0".utf8)
  private static let headerBytes = 34

  let file: RandomAccessFile
  let numbers: TokenNumbers
  let sequenceCount: Int
  let boundaryCount: Int

  /// - Throws: `InvalidFileError` where the header is wrong or the file has not the size that it says; `StorageError`.
  init(_ path: String) throws {
    file = try RandomAccessFile(path)
    let header = try file.bytes(at: 0, count: min(file.size, Self.headerBytes))
    guard header.starts(with: Self.magic) else {
      throw InvalidFileError(path, "does not start as Megatron's .idx files do (MMIDIDX)")
    }
    guard header.count == Self.headerBytes else {
      throw InvalidFileError(
        path, "has \(file.size) bytes, less than its header of \(Self.headerBytes): it was cut short")
    }
    let version = header.littleEndian(at: 9, as: UInt64.self)
    guard version == 1 else { throw InvalidFileError(path, "is of the index's version \(version), expected 1") }
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
        "says that it holds \(sequences) sequences and \(boundaries) document boundaries, and has \(file.size) bytes: "
          + "it was cut short or changed")
    }
    guard boundaries > 0 else {
      throw InvalidFileError(path, "has no document boundary, expected at least the first, 0")
    }
    // Both are below the file's size.
    (sequenceCount, boundaryCount) = (Int(sequences), Int(boundaries))
  }

  private static func kind(ofCode code: UInt8, _ path: String) throws -> TokenNumbers.Kind {
    switch code {
    case 1: return .uint8
    case 2: return .int8
    case 3: return .int16
    case 4: return .int32
    case 5: return .int64
    case 6, 7: throw InvalidFileError(path, "is of float\(code == 6 ? 64 : 32) numbers, which are no tokens")
    case 8: return .uint16
    default: throw InvalidFileError(path, "names the number type \(code), expected 1 to 8")
    }
  }

  var lengths: IndexColumn<Int32> { IndexColumn(file, at: Self.headerBytes) }
  /// In bytes.
  var pointers: IndexColumn<Int64> { IndexColumn(file, at: Self.headerBytes + 4 * sequenceCount) }
  var boundaries: IndexColumn<Int64> { IndexColumn(file, at: Self.headerBytes + 12 * sequenceCount) }
}

/// Numbers of a file that are read from the first on, a block at a time.
struct IndexColumn<Number: FixedWidthInteger & BitwiseCopyable> {
  private let file: RandomAccessFile
  /// Of the first number that is not in `block`.
  private var offset: Int
  private var block: [UInt8] = []
  private var used = 0

  init(_ file: RandomAccessFile, at offset: Int) {
    self.file = file
    self.offset = offset
  }

  /// The next number. The caller knows that there is one.
  ///
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
