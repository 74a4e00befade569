import Storage
import Tokenizers

extension TokenFile {
  /// The tokenizer's own file, `/tokenizer`; nil where there is none.
  ///
  /// - Throws: `InvalidFileError` where its digest is not the one that the corpus names; `StorageError`.
  public func tokenizerFile() throws -> TokenizerFile? {
    try TokenFile.tokenizerFile(of: HDF5File.open(path), name: tokenizer, sha256: tokenizerSHA256)
  }

  /// The file that lies in a corpus or a checkpoint as `/tokenizer`, uint8; nil where there is none.
  ///
  /// - Parameter sha256: what the digest of its bytes must be, where that is said.
  /// - Throws: `InvalidFileError` where the digest is another; `StorageError`.
  public static func tokenizerFile(of file: HDF5File, name: String?, sha256: String?) throws -> TokenizerFile? {
    guard try file.exists("/tokenizer") else { return nil }
    let dataset = try file.dataset("/tokenizer")
    guard dataset.shape.count == 1, dataset.elementType == .uint8 else {
      throw InvalidFileError(
        file.path, "/tokenizer is \(dataset.typeDescription) of shape \(dataset.shape), expected bytes")
    }
    guard dataset.elementCount <= TokenizerFile.largestSize else {
      throw InvalidFileError(file.path, "/tokenizer has \(dataset.elementCount) bytes, too many for a tokenizer.json")
    }
    let found = TokenizerFile(path: file.path, name: name ?? "tokenizer", bytes: try dataset.array())
    if let sha256, sha256 != found.sha256 {
      throw InvalidFileError(
        file.path, "/tokenizer has the SHA-256 \(found.sha256), the attribute tokenizer_sha256 is \(sha256)")
    }
    return found
  }
}
