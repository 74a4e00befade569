import Storage

/// The header of llm.c's token files: 256 little-endian int32, of which the first three are a magic number, a version
/// and the number of tokens (`write_datafile` of its dev/data/data_common.py).
struct LLMCHeader {
  static let byteCount = 1024
  /// Of GPT-2's tokens; of Llama 3's.
  static let magicNumbers: Set<Int32> = [20_240_520, 20_240_801]
  /// Of multiple-choice questions, which are no corpus.
  static let evaluationMagic: Int32 = 20_240_522

  let numbers: TokenNumbers
  let count: Int

  /// Whether a file begins as one of llm.c's files does, whether or not it is whole.
  ///
  /// - Parameter start: The file's first bytes, eight or more where it has them.
  static func begins(_ start: [UInt8]) -> Bool {
    guard start.count >= 4 else { return false }
    let magic = start.littleEndian(at: 0, as: Int32.self)
    if magic == evaluationMagic { return true }
    guard magicNumbers.contains(magic), start.count >= 8 else { return false }
    return [1, 7].contains(start.littleEndian(at: 4, as: Int32.self))
  }

  /// - Throws: `InvalidFileError`, `StorageError`.
  init(of file: RandomAccessFile) throws {
    guard file.size >= Self.byteCount else {
      throw InvalidFileError(
        file.path, "has \(file.size) bytes, less than llm.c's header of \(Self.byteCount): it was cut short, or is none"
      )
    }
    let bytes = try file.bytes(at: 0, count: Self.byteCount)
    let magic = bytes.littleEndian(at: 0, as: Int32.self)
    if magic == Self.evaluationMagic {
      throw InvalidFileError(file.path, "holds llm.c's multiple-choice questions (magic \(magic)), not a corpus")
    }
    guard Self.magicNumbers.contains(magic) else {
      throw InvalidFileError(
        file.path,
        "starts with \(magic), not with llm.c's 20240520 or 20240801; a file without header is --format nanogpt")
    }
    let version = bytes.littleEndian(at: 4, as: Int32.self)
    switch version {
    case 1: numbers = TokenNumbers(.uint16)
    case 7: numbers = TokenNumbers(.uint32)
    default:
      throw InvalidFileError(file.path, "is of llm.c's version \(version), expected 1 (uint16) or 7 (uint32)")
    }
    count = Int(bytes.littleEndian(at: 8, as: Int32.self))
    guard count >= 0, file.size == Self.byteCount + count * numbers.byteCount else {
      throw InvalidFileError(
        file.path,
        "says that it holds \(count) tokens of \(numbers.kind), and has \(file.size - Self.byteCount) bytes of them: "
          + "it was cut short or changed")
    }
  }
}
