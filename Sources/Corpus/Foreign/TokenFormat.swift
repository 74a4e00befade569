import Storage

/// A file format in which other trainers store tokens. `phd corpus build` without `--tokenizer` reads it.
///
/// To add a format, conform a type to this protocol in a file of its own and add it to ``TokenFormats/all``. If
/// ``UnsupportedFormat`` refuses such files, remove them there.
protocol TokenFormat: Sendable {
  /// The value of `--format` that selects the format.
  var name: String { get }
  /// Whether the files record where documents start.
  var hasDocuments: Bool { get }
  /// Whether the files have no header, so that `--dtype` gives the number type.
  var isHeaderless: Bool { get }
  /// Whether `--tokens-field` applies.
  var usesTokensField: Bool { get }
  /// Whether a file recognized as this format may be text instead.
  var mayBeText: Bool { get }

  /// How surely a file has this format; nil if it does not.
  func recognition(of file: TokenFileStart) throws -> Recognition?
  /// Whether a file begins with this format's header.
  ///
  /// - Parameter start: the first 16 bytes, or all of a shorter file.
  func hasHeader(_ start: [UInt8]) -> Bool

  /// The files that an input consists of.
  func files(of path: String) -> [String]
  /// Whether `path`, which does not exist, names several files of this format.
  func namesFiles(_ path: String) throws -> Bool
  /// Whether `path` belongs to an input that another path names.
  func isPart(_ path: String, ofInputIn paths: [String]) -> Bool

  /// Opens a file and checks its header.
  ///
  /// - Throws: `InvalidFileError` if the header is wrong; `StorageError`; `InputFormatError` if an option is missing.
  func open(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource
}

extension TokenFormat {
  var hasDocuments: Bool { false }
  var isHeaderless: Bool { false }
  var usesTokensField: Bool { false }
  var mayBeText: Bool { false }
  func recognition(of file: TokenFileStart) -> Recognition? { hasHeader(file.bytes) ? .header : nil }
  func hasHeader(_ start: [UInt8]) -> Bool { false }
  func files(of path: String) -> [String] { [path] }
  func namesFiles(_ path: String) -> Bool { false }
  func isPart(_ path: String, ofInputIn paths: [String]) -> Bool { false }
}

/// How a file was recognized. Of several formats, the one with the surest recognition is chosen.
enum Recognition: Comparable {
  /// By its name.
  case name
  /// By four bytes, which tokens could be too.
  case shortHeader
  /// By a file next to it.
  case companion
  /// By its header.
  case header
}

/// The beginning of a file whose format is to be recognized.
struct TokenFileStart {
  let path: String
  let isRegularFile: Bool
  /// The first 16 bytes, or all of a shorter file. Empty for a pipe, whose bytes can be read only once.
  let bytes: [UInt8]

  /// - Throws: `StorageError`: `.missing`; `.failed` for a folder; `.damaged` for a compressed file.
  init(_ path: String) throws {
    self.path = path
    let status = try FileStatus(path)
    if status.isFolder { throw StorageError(.failed, path, "is a folder; name files") }
    isRegularFile = status.isRegularFile
    bytes = isRegularFile ? try Self.bytes(of: RandomAccessFile(path)) : []
  }

  static func bytes(of file: RandomAccessFile) throws -> [UInt8] {
    try file.bytes(at: 0, count: min(file.size, 16))
  }

  /// Whether the file's name ends with one of these, in any case.
  func hasExtension(_ extensions: [String]) -> Bool {
    let name = path.lowercased()
    return extensions.contains { name.hasSuffix($0) }
  }
}

/// The formats of token files.
public enum TokenFormats {
  static let all: [any TokenFormat] = [
    NumPyFormat(), HeaderlessFormat.memmap, HeaderlessFormat.nanogpt, LLMCFormat(), MegatronFormat(),
    TokenLinesFormat(),
  ]

  /// The values of `--format` for token files, in order.
  public static var options: [String] { all.map(\.name) }

  static func named(_ name: String) -> (any TokenFormat)? { all.first { $0.name == name } }

  /// The format of a file by its first bytes, a file next to it, or its name; nil if none is recognized.
  ///
  /// - Throws: `StorageError`: `.missing` if the file does not exist, `.failed` for a folder.
  static func recognized(_ path: String) throws -> (any TokenFormat)? {
    if try !FileStatus.exists(path), let format = try all.first(where: { try $0.namesFiles(path) }) { return format }
    let start = try TokenFileStart(path)
    var best: (format: any TokenFormat, recognition: Recognition)?
    for format in all {
      guard let found = try format.recognition(of: start) else { continue }
      if best.map({ $0.recognition < found }) ?? true { best = (format, found) }
    }
    return best?.format
  }

  /// The format of an input that is known to contain tokens.
  ///
  /// - Throws: `InputFormatError` if it is not recognized; `StorageError`.
  static func format(of path: String, _ options: TokenImporter.Options) throws -> any TokenFormat {
    if let name = options.format, let format = named(name) { return format }
    try UnsupportedFormat.refuse(path)
    if let format = try recognized(path) { return format }
    if options.headerless != nil { return HeaderlessFormat.memmap }
    throw InputFormatError(
      path,
      "is not recognized as a file of tokens. For text pass --tokenizer; for tokens without a header pass --dtype uint16 "
        + "or --dtype uint32 (nanoGPT's train.bin: --format nanogpt)")
  }

  /// The advice of `phd corpus build` for tokens that were given as text.
  public static let buildAdvice = "omit --tokenizer, or pass --format text to read the bytes of the file as text"

  /// Throws if a file that should be text contains tokens.
  ///
  /// - Parameter advice: what to do, for the message.
  /// - Throws: `InputFormatError` for such a file; `StorageError`, also for a folder.
  public static func requireText(_ path: String, advice: String = TokenFormats.buildAdvice) throws {
    try UnsupportedFormat.refuse(path)
    guard let format = try recognized(path), !format.mayBeText else { return }
    throw InputFormatError(path, "already contains tokens (\(format.name)): \(advice)")
  }

  /// Throws if a file that should contain only numbers has a header, which would be read as tokens.
  ///
  /// - Throws: `InputFormatError`; `StorageError`.
  static func requireNoHeader(_ file: RandomAccessFile) throws {
    try UnsupportedFormat.refuse(file)
    let start = try TokenFileStart.bytes(of: file)
    guard let format = all.first(where: { $0.hasHeader(start) }) else { return }
    throw InputFormatError(
      file.path, "has the header of \(format.name), which would be read as tokens: pass --format \(format.name)")
  }
}
