import Storage

/// Little-endian integers without a header.
struct HeaderlessFormat: TokenFormat {
  let name: String
  /// The number type without `--dtype`; nil if `--dtype` is required.
  fileprivate let kind: TokenNumbers.Kind?
  fileprivate let extensions: [String]

  /// What `numpy.memmap` and `tofile` write. OLMo and Dolma call such files `.npy` too.
  static let memmap = HeaderlessFormat(name: "memmap", kind: nil, extensions: [".npy"])
  /// nanoGPT's `train.bin`: uint16.
  static let nanogpt = HeaderlessFormat(name: "nanogpt", kind: .uint16, extensions: [])

  var isHeaderless: Bool { true }

  func recognition(of file: TokenFileStart) -> Recognition? { file.hasExtension(extensions) ? .name : nil }

  func open(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource {
    guard let kind = options.headerless ?? kind else {
      throw InputFormatError(
        path, "has no header that declares its number type; pass --dtype uint16 or --dtype uint32")
    }
    let (file, numbers) = (try RandomAccessFile(path), TokenNumbers(kind))
    try TokenFormats.requireNoHeader(file)
    guard file.size.isMultiple(of: numbers.byteCount) else {
      throw InvalidFileError(
        path,
        "has \(file.size) bytes, which is not a multiple of the \(numbers.byteCount) bytes of a \(kind): it was cut "
          + "short, or contains something else")
    }
    return FlatTokens(file, numbers, byteOffset: 0, count: file.size / numbers.byteCount)
  }
}

/// A file of consecutive numbers, with or without a header before them.
struct FlatTokens: TokenSource {
  private static let blockBytes = 1 << 20

  let file: RandomAccessFile
  let numbers: TokenNumbers?
  /// The offset of the first number.
  private let byteOffset: Int
  private let count: Int
  private let stored: TokenNumbers

  /// - Precondition: the file contains these numbers.
  init(_ file: RandomAccessFile, _ numbers: TokenNumbers, byteOffset: Int, count: Int) {
    self.file = file
    self.numbers = numbers
    stored = numbers
    self.byteOffset = byteOffset
    self.count = count
  }

  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws {
    let reader = TokenRangeReader(file, stored, blockTokens: Self.blockBytes / stored.byteCount)
    defer { reader.deallocate() }
    try report(byteOffset)
    for start in stride(from: 0, to: count, by: reader.blockTokens) {
      let length = min(reader.blockTokens, count - start)
      let tokens = try reader.tokens(at: byteOffset + start * stored.byteCount, count: length) { start + $0 }
      try consumer.append(tokens, of: file.path) { "position \(start + $0)" }
      try report(length * stored.byteCount)
    }
  }
}
