import Foundation
import Storage

/// A `tokenizer.json` as it travels: its bytes, what it is called, and the digest by which two are compared.
public struct TokenizerFile: Sendable, Equatable {
  /// Where it was read from: for messages.
  public let path: String
  /// The folder of a `tokenizer.json`, or the file's name without its extension; never `bytes`.
  public let name: String
  public let bytes: [UInt8]
  /// 64 lowercase hexadecimal digits.
  public let sha256: String

  /// More than any tokenizer takes.
  public static let largestSize = 1 << 28

  public init(path: String, name: String, bytes: [UInt8]) {
    self.path = path
    self.name = name
    self.bytes = bytes
    sha256 = SHA256.hexadecimal(bytes)
  }

  /// Reads a file, or the `tokenizer.json` of a folder.
  ///
  /// - Throws: `StorageError`, `.missing` where there is none; ``InvalidFileError`` for one of more than 256 MiB.
  public init(reading path: String) throws {
    let isFolder = try FileStatus(path).isFolder
    let path = isFolder ? (path.hasSuffix("/") ? "\(path)tokenizer.json" : "\(path)/tokenizer.json") : path
    let file = try RandomAccessFile(path)
    guard file.size <= TokenizerFile.largestSize else {
      throw InvalidFileError(path, "has \(file.size) bytes; a tokenizer.json has \(TokenizerFile.largestSize) at most")
    }
    self.init(path: path, name: TokenizerFile.name(of: path), bytes: try file.bytes(at: 0, count: file.size))
  }

  private static func name(of path: String) -> String {
    let file = URL(fileURLWithPath: path)
    var name = file.deletingPathExtension().lastPathComponent
    if name == "tokenizer" { name = file.deletingLastPathComponent().lastPathComponent }
    return ["", "/", ".", "bytes"].contains(name) ? "tokenizer" : name
  }
}
