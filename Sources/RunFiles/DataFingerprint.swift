import Corpus
import JSON

/// Identifies training data by length, type and content, independent of its path.
public struct DataFingerprint: Sendable, Equatable {
  /// The fingerprints of each training corpus's files. Corpora are in the order in which the stages name them.
  public let entries: [[String]]

  /// - Parameter entries: `TokenFile.fingerprint` of each corpus's files.
  package init(entries: [[String]]) { self.entries = entries }

  /// Reads the corpora to compute their fingerprints.
  ///
  /// - Parameter documentMask: whether the document starts are part of the fingerprint.
  /// - Throws: `StorageError`.
  public init(_ sources: [DataSource], documentMask: Bool) throws {
    entries = try sources.map { try $0.files.map { try $0.fingerprint(documentMask: documentMask) } }
  }

  /// Parses the text from a checkpoint; nil if it is invalid.
  public init?(text: String) {
    guard let value = try? JSONValue(parsing: text), let entries = value.array else { return nil }
    self.entries = entries.map { ($0.array ?? []).compactMap(\.string) }
  }

  /// The text that is stored in a checkpoint.
  public var text: String { JSONValue.array(entries.map { .array($0.map { .string($0) }) }).compact }

  /// A message that says how this data, from a checkpoint, differs from the current data; nil if they are equal.
  ///
  /// - Parameters:
  ///   - sources: the current corpora with their configuration keys.
  ///   - count: the number of corpora that the run has drawn samples from.
  package func difference(
    from current: DataFingerprint, named sources: [(key: String, source: DataSource)], first count: Int
  ) -> String? {
    if entries.count < count {
      return "the run has used \(count) training corpora, but its checkpoint lists \(entries.count)"
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
