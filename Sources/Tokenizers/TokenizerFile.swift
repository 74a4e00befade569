import Foundation
import Storage

/// The bytes of a `tokenizer.json`, its name, and its digest.
public struct TokenizerFile: Sendable, Equatable {
  /// The path that it was read from, for messages.
  public let path: String
  /// The name of the file without its extension, or of the folder of a `tokenizer.json`; never `bytes`.
  public let name: String
  public let bytes: [UInt8]
  /// 64 lowercase hexadecimal digits.
  public let sha256: String

  /// In bytes; more than any tokenizer needs.
  public static let largestSize = 1 << 28

  public init(path: String, name: String, bytes: [UInt8]) {
    self.path = path
    self.name = name
    self.bytes = bytes
    sha256 = SHA256.hexadecimal(bytes)
  }

  /// Reads a file, or the `tokenizer.json` in a folder.
  ///
  /// - Throws: `StorageError`, `.missing` if there is none; `InvalidFileError` if it has more than 256 MiB.
  public init(reading path: String) throws {
    let isFolder = try FileStatus(path).isFolder
    let path = isFolder ? (path.hasSuffix("/") ? "\(path)tokenizer.json" : "\(path)/tokenizer.json") : path
    let file = try RandomAccessFile(path)
    guard file.size <= TokenizerFile.largestSize else {
      throw InvalidFileError(path, "has \(file.size) bytes; a tokenizer.json has at most \(TokenizerFile.largestSize)")
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
