import JSON

/// The file that a run's initial weights were read from, as recorded in the log's `run` record and in every checkpoint.
public struct WeightsOrigin: Sendable, Equatable {
  public let path: String
  /// XXH3-128 of its content; see `SealedFile.digest(of:)` and `PretrainedModel.digest()`.
  public let digest: String

  package init(path: String, digest: String) { (self.path, self.digest) = (path, digest) }

  /// Parses the text from a checkpoint; nil if it is invalid.
  package init?(text: String) {
    guard let json = try? JSONValue(parsing: text), let path = json["path"]?.string,
      let digest = json["digest"]?.string
    else { return nil }
    self.init(path: path, digest: digest)
  }

  public var json: JSONValue { ["path": .string(path), "digest": .string(digest)] }
}
