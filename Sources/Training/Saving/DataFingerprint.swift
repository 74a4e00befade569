import Corpus
import JSON

/// What a run is trained on, by length, type and content: the same data under another path is the same data.
public struct DataFingerprint: Sendable, Equatable {
  /// For each entry of `data.train`, its files.
  public let entries: [[String]]

  /// Reads the corpora.
  ///
  /// - Parameter documentMask: whether where documents start is part of the data.
  /// - Throws: `StorageError`.
  public init(_ sources: [DataSource], documentMask: Bool) throws {
    entries = try sources.map { source in
      try source.files.map { file in
        "\(file.tokenCount) \(file.elementType.rawValue) tokens, hash \(try file.contentHash())"
          + (documentMask ? ", \(try file.documentFingerprint())" : "")
      }
    }
  }

  /// From a checkpoint; nil where the text is none.
  public init?(text: String) {
    guard let value = try? JSONValue(parsing: text), let entries = value.array else { return nil }
    self.entries = entries.map { ($0.array ?? []).compactMap(\.string) }
  }

  /// As it stands in a checkpoint.
  public var text: String { JSONValue.array(entries.map { .array($0.map { .string($0) }) }).compact }

  /// How this data, a checkpoint's, differs from what the configuration names now; nil where it doesn't.
  public func difference(from current: DataFingerprint, named sources: [DataSource]) -> String? {
    if entries.count != current.entries.count {
      return "data.train has \(current.entries.count) entries, the checkpoint's run had \(entries.count)"
    }
    for (index, (old, new)) in zip(entries, current.entries).enumerated() where old != new {
      if old.count != new.count {
        return "data.train[\(index)] (\(sources[index].pattern)) has \(new.count) files, "
          + "the checkpoint's run had \(old.count)"
      }
      for (file, (was, now)) in zip(old, new).enumerated() where was != now {
        return "data.train[\(index)]: \(sources[index].files[file].path) holds \(now); "
          + "the checkpoint's run was trained on \(was)"
      }
    }
    return nil
  }
}
