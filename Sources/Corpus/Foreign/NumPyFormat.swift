import Storage

/// NumPy's `.npy`, versions 1.0, 2.0 and 3.0: integers of any size and byte order in one dimension, or in two in C order,
/// whose rows are read consecutively.
struct NumPyFormat: TokenFormat {
  let name = "npy"

  func hasHeader(_ start: [UInt8]) -> Bool { start.starts(with: NumPyHeader.magic) }

  func open(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource {
    let file = try RandomAccessFile(path)
    let header = try NumPyHeader(of: file)
    return FlatTokens(file, header.numbers, byteOffset: header.byteCount, count: header.count)
  }
}

/// The header of a `.npy` file (numpy.lib.format): a magic string, a version, the length of the rest of the header, and a
/// Python dictionary that describes the array.
struct NumPyHeader {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// In bytes. Far more than an array of numbers needs; NumPy itself refuses 10 000.
  private static let longestDictionary = 1 << 16

  let numbers: TokenNumbers
  /// The number of numbers in the array.
  let count: Int
  /// The size of the header, which is the offset of the array.
  let byteCount: Int

  /// - Throws: `InvalidFileError` if the file is not a `.npy` file, its array is not a list of tokens, or its size does not
  ///   match the array; `StorageError`.
  init(of file: RandomAccessFile) throws {
    let path = file.path
    let (text, byteCount) = try Self.dictionary(of: file)
    guard let dictionary = PythonLiteral(parsing: text), case .dictionary(let fields) = dictionary else {
      throw InvalidFileError(path, "has a header that is not a Python dictionary: it is damaged")
    }
    func field(_ name: String) throws -> PythonLiteral {
      let values = fields.filter { $0.name == name }
      guard let value = values.first, values.count == 1 else {
        throw InvalidFileError(
          path, "has a header with \(values.isEmpty ? "no" : "more than one") '\(name)': it is damaged")
      }
      return value.value
    }
    numbers = try Self.numbers(field("descr"), path)
    guard case .boolean(let isFortranOrder) = try field("fortran_order") else {
      throw InvalidFileError(path, "has a header whose 'fortran_order' is neither True nor False: it is damaged")
    }
    let shape = try Self.shape(field("shape"), path)
    guard shape.count == 1 || !isFortranOrder else {
      throw InvalidFileError(
        path,
        "contains a \(shape.count)-dimensional array in Fortran order; save numpy.ascontiguousarray(array) instead")
    }
    (count, self.byteCount) = (shape.reduce(1, *), byteCount)
    let (bytes, overflow) = count.multipliedReportingOverflow(by: numbers.byteCount)
    guard !overflow, bytes <= file.size - byteCount else {
      throw InvalidFileError(
        path,
        "declares \(count) numbers of \(numbers.kind), but has \(file.size - byteCount) bytes of them: it was cut "
          + "short or changed")
    }
    guard bytes == file.size - byteCount else {
      throw InvalidFileError(
        path, "has \(file.size - byteCount - bytes) bytes after its array; save a single array to the file")
    }
  }

  /// The text of the dictionary, and the size of the header, which ends with it.
  private static func dictionary(of file: RandomAccessFile) throws -> (text: [UInt8], headerBytes: Int) {
    let path = file.path
    let start = try file.bytes(at: 0, count: min(file.size, 12))
    guard start.starts(with: magic) else {
      throw InvalidFileError(
        path, "does not start like a NumPy .npy file; if it has no header, pass --format memmap")
    }
    guard start.count >= 10 else { throw InvalidFileError(path, "ends within its header: it was cut short") }
    let (fixedBytes, length): (Int, Int)
    switch (start[6], start[7]) {
    case (1, 0): (fixedBytes, length) = (10, Int(start.littleEndian(at: 8, as: UInt16.self)))
    case (2, 0), (3, 0):
      guard start.count == 12 else { throw InvalidFileError(path, "ends within its header: it was cut short") }
      (fixedBytes, length) = (12, Int(start.littleEndian(at: 8, as: UInt32.self)))
    case (let major, let minor):
      throw InvalidFileError(path, "has the .npy version \(major).\(minor), expected 1.0, 2.0 or 3.0")
    }
    guard length <= file.size - fixedBytes else {
      throw InvalidFileError(
        path, "declares a header of \(length) bytes, but only \(file.size - fixedBytes) follow: it was cut short")
    }
    guard length <= longestDictionary else {
      throw InvalidFileError(path, "has a header of \(length) bytes, more than a list of tokens needs: it is damaged")
    }
    return (try file.bytes(at: fixedBytes, count: length), fixedBytes + length)
  }

  private static func numbers(_ description: PythonLiteral, _ path: String) throws -> TokenNumbers {
    guard case .string(let name) = description else {
      throw InvalidFileError(path, "contains records, not numbers; save only the field with the tokens")
    }
    let kinds: [String: TokenNumbers.Kind] = [
      "u1": .uint8, "i1": .int8, "u2": .uint16, "i2": .int16, "u4": .uint32, "i4": .int32, "u8": .uint64, "i8": .int64,
    ]
    guard let order = name.first, "<>|=".contains(order), let kind = kinds[String(name.dropFirst())] else {
      // A damaged file may contain anything; the message must stay on one line.
      let shown = String(name.prefix(20).filter { $0.isASCII && !$0.isNewline })
      throw InvalidFileError(
        path, "contains numbers of NumPy's type '\(shown)', expected integers of 1, 2, 4 or 8 bytes")
    }
    return TokenNumbers(kind, isBigEndian: order == ">")
  }

  /// One or two sizes whose product fits in an `Int`.
  private static func shape(_ value: PythonLiteral, _ path: String) throws -> [Int] {
    guard case .tuple(let items) = value else {
      throw InvalidFileError(path, "has a header whose 'shape' is not a tuple: it is damaged")
    }
    let shape = try items.map { item in
      guard case .integer(let size) = item, size >= 0 else {
        throw InvalidFileError(path, "has a header whose 'shape' has an entry that is not a size: it is damaged")
      }
      return size
    }
    guard shape.count == 1 || shape.count == 2 else {
      throw InvalidFileError(
        path, "contains an array of \(shape.count) dimensions, expected one, or two in C order")
    }
    guard shape.count == 1 || !shape[0].multipliedReportingOverflow(by: shape[1]).overflow else {
      throw InvalidFileError(path, "declares \(shape[0]) × \(shape[1]) numbers: it is damaged")
    }
    return shape
  }
}

extension NumPyHeader {
  /// The header of a one-dimensional array of unsigned integers, as NumPy 1.0 and later write and read it: padded so
  /// that the array starts at a multiple of 64.
  static func bytes(unsignedBytes: Int, count: Int) -> [UInt8] {
    let type = unsignedBytes == 1 ? "|u1" : "<u\(unsignedBytes)"
    var dictionary = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': (\(count),), }".utf8)
    let padding = 63 - (magic.count + 4 + dictionary.count) % 64
    dictionary += [UInt8](repeating: UInt8(ascii: " "), count: padding) + [UInt8(ascii: "\n")]
    let length = UInt16(truncatingIfNeeded: dictionary.count)
    return magic + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)] + dictionary
  }
}
