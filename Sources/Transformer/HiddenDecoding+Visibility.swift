/// One copy of one token of a text: a query or a key.
public struct TokenCopy: Sendable, Equatable {
  /// n, from 0.
  public let position: Int
  /// From 0, the original.
  public let copy: Int

  public init(position: Int, copy: Int) {
    self.position = position
    self.copy = copy
  }
}

/// What becomes of a key once its token has been decoded.
public enum KeyFate: String, Sendable, CaseIterable {
  /// It stays in the KV cache.
  case kept
  /// It stays while it is in the window of tokens to come.
  case windowed
  /// No later token sees it.
  case dropped
}

extension HiddenDecoding {
  /// The groups of copies whose keys a group's queries see: all up to their own.
  func groups(seenFrom own: Int) -> ArraySlice<CopyGroup> { groups.prefix(own + 1) }

  /// Whether a query sees a key, in the terms that attention is told: groups of copies, of a windowed group the first
  /// visible position, and of the query's own position and group the copies up to itself.
  public func sees(_ key: TokenCopy, from query: TokenCopy) -> Bool {
    let own = group(of: query.copy)
    for (index, group) in groups(seenFrom: own).enumerated() where group.contains(key.copy) {
      let first = group.windowed ? firstVisible(from: query.position) : 0
      guard (first...query.position).contains(key.position) else { return false }
      return key.position < query.position || index < own || key.copy <= query.copy
    }
    return false
  }

  /// What becomes of a key after the token at `position`, its own or a later one, has been decoded.
  public func fate(of key: TokenCopy, after position: Int) -> KeyFate {
    let next = (0..<repeats).map { TokenCopy(position: position + 1, copy: $0) }
    guard next.contains(where: { sees(key, from: $0) }) else { return .dropped }
    return groups[group(of: key.copy)].windowed ? .windowed : .kept
  }

  /// Which group a copy, from 0, belongs to.
  private func group(of copy: Int) -> Int { groups.firstIndex { $0.contains(copy) } ?? 0 }
}

extension CopyGroup {
  fileprivate func contains(_ copy: Int) -> Bool { (first..<first + count).contains(copy) }
}
