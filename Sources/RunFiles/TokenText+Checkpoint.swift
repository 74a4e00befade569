import Corpus
import Storage
import Tokenizers

extension TokenText {
  /// The tokenizer that a checkpoint was trained with; nil if it is not available.
  ///
  /// - Parameter name: `bytes`, a tokenizer.json or a folder with one, to use instead of the checkpoint's own.
  /// - Throws: `StorageError`; `InvalidFileError`, also if it does not have the digest that the checkpoint names.
  public init?(_ checkpoint: Checkpoint, named name: String?) throws {
    let known = checkpoint.tokenizer
    switch name {
    case "bytes":
      if let sha256 = known.sha256 {
        throw InvalidFileError(
          checkpoint.path, "was trained with the tokenizer \(known.name ?? "") (SHA-256 \(sha256)), not with bytes")
      }
      self = .bytes
    case let path?:
      let file = try TokenizerFile(reading: path)
      if let sha256 = known.sha256, sha256 != file.sha256 {
        throw InvalidFileError(
          file.path,
          "has the SHA-256 \(file.sha256); \(checkpoint.path) was trained with \(known.name ?? "another"), SHA-256 "
            + "\(sha256): their tokens do not mean the same")
      }
      if known.sha256 == nil && known.name == "bytes" {
        throw InvalidFileError(
          file.path, "has the SHA-256 \(file.sha256); \(checkpoint.path) was trained with the tokenizer bytes")
      }
      self = .file(try BPETokenizer(file))
    case nil:
      guard let text = try TokenText(known) else { return nil }
      self = text
    }
  }

  /// The tokenizer that corpora or a checkpoint name; nil if they do not contain it.
  ///
  /// - Throws: `InvalidFileError`.
  public init?(_ identity: TokenizerIdentity) throws {
    if let file = identity.file {
      self = .file(try BPETokenizer(file))
    } else if identity.name == "bytes" && identity.sha256 == nil {
      self = .bytes
    } else {
      return nil
    }
  }
}
