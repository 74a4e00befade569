/// One copy of one token of a text: a query or a key.
public struct TokenCopy: Sendable, Equatable {
  /// The position n, from 0.
  public let position: Int
  /// The copy, from 0: copy 0 is the original.
  public let copy: Int

  public init(position: Int, copy: Int) {
    self.position = position
    self.copy = copy
  }
}

/// How long a key is kept after its token has been decoded.
public enum KeyFate: String, Sendable, CaseIterable {
  /// It stays in the KV cache.
  case kept
  /// It stays while it is in the window of later tokens.
  case windowed
  /// No later token sees it.
  case dropped
}

extension HiddenDecoding {
  /// The groups of copies whose keys the queries of group `own` see: all groups up to and including `own`.
  func groups(seenFrom own: Int) -> ArraySlice<CopyGroup> { groups.prefix(own + 1) }

  /// Whether a query sees a key, computed from what the attention kernels receive: the groups of copies, the first
  /// visible position of a windowed group, and, at the query's own position in its own group, the copies up to the
  /// query's.
  public func sees(_ key: TokenCopy, from query: TokenCopy) -> Bool {
    let own = group(of: query.copy)
    for (index, group) in groups(seenFrom: own).enumerated() where group.contains(key.copy) {
      let first = group.windowed ? firstVisible(from: query.position) : 0
      guard (first...query.position).contains(key.position) else { return false }
      return key.position < query.position || index < own || key.copy <= query.copy
    }
    return false
  }

  /// Whether a key is still kept after the token at `position` has been decoded, and how long.
  ///
  /// - Parameter position: the key's own position or a later one.
  public func fate(of key: TokenCopy, after position: Int) -> KeyFate {
    let next = (0..<repeats).map { TokenCopy(position: position + 1, copy: $0) }
    guard next.contains(where: { sees(key, from: $0) }) else { return .dropped }
    return groups[group(of: key.copy)].windowed ? .windowed : .kept
  }

  /// The index of the group that contains a copy.
  private func group(of copy: Int) -> Int { groups.firstIndex { $0.contains(copy) } ?? 0 }
}

extension CopyGroup {
  fileprivate func contains(_ copy: Int) -> Bool { (first..<first + count).contains(copy) }
}
