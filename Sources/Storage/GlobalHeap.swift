/// Reads the global heaps, in which HDF5 stores variable-length strings, and validates every number in them.
///
/// The HDF5 library can crash on a damaged heap. HDF5 file format specification version 3, III.E, "Disk Format: Level 1E -
/// Global Heap"; addresses and lengths have 8 bytes.
struct GlobalHeap {
  let path: String
  /// The offset of the file's address 0.
  let baseAddress: Int

  private static let headerBytes = 16

  /// The bytes that a reference points to. A reference has a length (4 bytes), the address of a heap (8) and the number of
  /// an object in it (4).
  ///
  /// - Returns: nil if the heap does not have the object.
  /// - Throws: `StorageError.failed`.
  func bytes(at reference: [UInt8]) throws -> [UInt8]? {
    let length = Self.integer(reference[0..<4])
    let address = Self.integer(reference[4..<12])
    let number = Self.integer(reference[12..<16])
    if length == 0 { return [] }
    let fileSize = try FileStatus(path).size
    guard let length, let address, let number, number > 0, address < fileSize, baseAddress < fileSize else {
      return nil
    }
    let start = baseAddress + address
    let reader = try ByteReader(path)
    guard let header = try reader.bytes(at: start, count: Self.headerBytes), header.starts(with: Array("GCOL".utf8)),
      let size = Self.integer(header[8..<16]), size <= fileSize - start
    else { return nil }
    let end = start + size
    var position = start + Self.headerBytes
    while end - position >= Self.headerBytes {
      guard let object = try reader.bytes(at: position, count: Self.headerBytes),
        let objectSize = Self.integer(object[8..<16]), objectSize <= end - position - Self.headerBytes,
        let objectNumber = Self.integer(object[0..<2]), objectNumber != 0  // 0 is the free space at the end
      else { return nil }
      position += Self.headerBytes
      if objectNumber == number {
        return length <= objectSize ? try reader.bytes(at: position, count: length) : nil
      }
      position += (objectSize + 7) / 8 * 8
    }
    return nil
  }

  /// A little-endian number; nil if it does not fit in `Int`.
  private static func integer(_ bytes: ArraySlice<UInt8>) -> Int? {
    Int(exactly: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }
}
