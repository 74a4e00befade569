import Storage

/// llm.c's `.bin`: a header of 256 int32, then uint16 (version 1) or uint32 (version 7).
struct LLMCFormat: TokenFormat {
  let name = "llmc"

  /// Four bytes are enough, so that files of an unknown version are reported as such.
  func recognition(of file: TokenFileStart) -> Recognition? {
    guard file.bytes.count >= 4 else { return nil }
    let number = file.bytes.littleEndian(at: 0, as: Int32.self)
    return LLMCHeader.magicNumbers.contains(number) || number == LLMCHeader.evaluationMagic ? .shortHeader : nil
  }

  func hasHeader(_ start: [UInt8]) -> Bool { LLMCHeader.begins(start) }

  func open(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource {
    let file = try RandomAccessFile(path)
    let header = try LLMCHeader(of: file)
    return FlatTokens(file, header.numbers, byteOffset: LLMCHeader.byteCount, count: header.count)
  }
}

/// The header of llm.c's token files: 256 little-endian int32, of which the first three are a magic number, a version
/// and the number of tokens (`write_datafile` in its dev/data/data_common.py).
struct LLMCHeader {
  static let byteCount = 1024
  /// For GPT-2's tokens and for Llama 3's.
  static let magicNumbers: Set<Int32> = [20_240_520, 20_240_801]
  /// For multiple-choice questions, which are not a corpus.
  static let evaluationMagic: Int32 = 20_240_522

  let numbers: TokenNumbers
  let count: Int

  /// Whether a file begins like one of llm.c's files, complete or not.
  ///
  /// - Parameter start: the first eight bytes or more, or all of a shorter file.
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
        file.path,
        "has \(file.size) bytes, fewer than llm.c's header of \(Self.byteCount): it was cut short, or is not llm.c's")
    }
    let bytes = try file.bytes(at: 0, count: Self.byteCount)
    let magic = bytes.littleEndian(at: 0, as: Int32.self)
    if magic == Self.evaluationMagic {
      throw InvalidFileError(file.path, "contains llm.c's multiple-choice questions (magic \(magic)), not a corpus")
    }
    guard Self.magicNumbers.contains(magic) else {
      throw InvalidFileError(
        file.path,
        "starts with \(magic), not with llm.c's 20240520 or 20240801; if it has no header, pass --format nanogpt")
    }
    let version = bytes.littleEndian(at: 4, as: Int32.self)
    switch version {
    case 1: numbers = TokenNumbers(.uint16)
    case 7: numbers = TokenNumbers(.uint32)
    default:
      throw InvalidFileError(file.path, "has llm.c's version \(version), expected 1 (uint16) or 7 (uint32)")
    }
    count = Int(bytes.littleEndian(at: 8, as: Int32.self))
    guard count >= 0, file.size == Self.byteCount + count * numbers.byteCount else {
      throw InvalidFileError(
        file.path,
        "declares \(count) tokens of \(numbers.kind), but has \(file.size - Self.byteCount) bytes of them: it was cut "
          + "short or changed")
    }
  }
}
