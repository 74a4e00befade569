import Corpus
import JSON

/// What a run is trained on, by length, type and content: the same data under another path is the same data.
public struct DataFingerprint: Sendable, Equatable {
  /// For each training corpus, in the order in which the stages name them, its files.
  public let entries: [[String]]

  /// - Parameter entries: of each corpus its files' `TokenFile.fingerprint`.
  package init(entries: [[String]]) { self.entries = entries }

  /// Reads the corpora.
  ///
  /// - Parameter documentMask: whether where documents start is part of the data.
  /// - Throws: `StorageError`.
  public init(_ sources: [DataSource], documentMask: Bool) throws {
    entries = try sources.map { try $0.files.map { try $0.fingerprint(documentMask: documentMask) } }
  }

  /// From a checkpoint; nil where the text is none.
  public init?(text: String) {
    guard let value = try? JSONValue(parsing: text), let entries = value.array else { return nil }
    self.entries = entries.map { ($0.array ?? []).compactMap(\.string) }
  }

  /// As it stands in a checkpoint.
  public var text: String { JSONValue.array(entries.map { .array($0.map { .string($0) }) }).compact }

  /// How this data, a checkpoint's, differs from what the configuration names now; nil where it doesn't.
  ///
  /// - Parameters:
  ///   - sources: the corpora now, and their keys in the configuration.
  ///   - count: how many of them the run has drawn from.
  package func difference(
    from current: DataFingerprint, named sources: [(key: String, source: DataSource)], first count: Int
  ) -> String? {
    if entries.count < count {
      return "the run has drawn from \(count) training corpora, its checkpoint knows of \(entries.count)"
    }
    for (index, (old, new)) in zip(entries, current.entries).prefix(count).enumerated() where old != new {
      let (key, source) = sources[index]
      if old.count != new.count {
        return "\(key) (\(source.pattern)) has \(new.count) files, the checkpoint's run had \(old.count)"
      }
      for (file, (was, now)) in zip(old, new).enumerated() where was != now {
        return "\(key): \(source.files[file].path) holds \(now); the checkpoint's run was trained on \(was)"
      }
    }
    return nil
  }
}
