/// Which copies see what: the patterns of Wu et al., arXiv 2504.14992, section 3.
public enum Pattern: String, Sendable, CaseIterable {
  /// One copy: the plain causal transformer.
  case vanilla
  /// Hidden copies see the originals, and the earlier hidden copies of their own token (equation 2).
  case phd
  /// Also the hidden copies of the last W positions (PHD-SWA).
  case swa
  /// Also those of the last W positions of their own chunk of C (PHD-CSWA).
  case cswa
  /// Every copy sees everything before it: naive token repeating.
  case naive
}

/// Parallel hidden decoding: K copies of each token under a pattern.
public struct HiddenDecoding: Sendable, Equatable {
  public let pattern: Pattern
  /// K: copies of each token, the original included.
  public let repeats: Int
  /// W: positions whose hidden copies a hidden copy sees, its own included.
  public let window: Int
  /// C: positions of a chunk, which the window does not leave; nil for no chunks.
  public let chunk: Int?

  public static let vanilla = HiddenDecoding(pattern: .vanilla, repeats: 1)

  /// - Precondition: ``fault(pattern:repeats:window:chunk:)`` finds none.
  public init(pattern: Pattern, repeats: Int, window: Int? = nil, chunk: Int? = nil) {
    precondition(
      HiddenDecoding.fault(pattern: pattern, repeats: repeats, window: window, chunk: chunk) == nil,
      "\(pattern), K \(repeats), W \(String(describing: window)), C \(String(describing: chunk))")
    self.pattern = pattern
    self.repeats = repeats
    self.window = window ?? 1
    self.chunk = chunk
  }

  /// What makes a combination impossible, in words that name the keys of a configuration; nil where nothing does.
  public static func fault(pattern: Pattern, repeats: Int, window: Int?, chunk: Int?) -> String? {
    if pattern == .vanilla {
      if repeats != 1 { return "pattern \"vanilla\" has repeats 1, not \(repeats)" }
    } else if repeats < 2 {
      return "pattern \"\(pattern.rawValue)\" needs repeats of at least 2, not \(repeats) (K = 1 is \"vanilla\")"
    }
    let windowed = pattern == .swa || pattern == .cswa
    if windowed {
      guard let window else { return "pattern \"\(pattern.rawValue)\" needs a window" }
      if window <= 1 {
        return "pattern \"\(pattern.rawValue)\" needs a window of at least 2, not \(window) (W = 1 is \"phd\")"
      }
    } else if window != nil {
      return "pattern \"\(pattern.rawValue)\" uses no window: remove the key, or choose \"swa\" or \"cswa\""
    }
    if pattern == .cswa {
      guard let chunk else { return "pattern \"cswa\" needs a chunk (without one it is \"swa\")" }
      if chunk < 1 { return "chunk must be at least 1, not \(chunk)" }
    } else if chunk != nil {
      return "pattern \"\(pattern.rawValue)\" uses no chunk: remove the key, or choose \"cswa\""
    }
    return nil
  }

  /// The name in the paper: `PHD-CSWA-3-16-32` for example.
  public var name: String {
    switch pattern {
    case .vanilla: "Vanilla"
    case .phd: "PHD-\(repeats)"
    case .swa: "PHD-SWA-\(repeats)-\(window)"
    case .cswa: "PHD-CSWA-\(repeats)-\(window)-\(chunk ?? 0)"
    case .naive: "Naive-\(repeats)"
    }
  }

  /// The first position whose hidden copies position `n`'s hidden copies see.
  public func firstVisible(from n: Int) -> Int {
    let windowStart = max(0, n - window + 1)
    guard let chunk else { return windowStart }
    return max(windowStart, n / chunk * chunk)
  }
}

/// Copies that lie side by side: queries of a group are stacked, and so are its keys.
struct CopyGroup: Sendable, Equatable {
  /// The first copy's index, from 0.
  let first: Int
  let count: Int
  /// Whether its keys are for its own queries alone, within the window.
  let windowed: Bool
}

extension HiddenDecoding {
  /// The originals, and then the hidden copies; one group where the pattern makes no difference between them.
  var groups: [CopyGroup] {
    switch pattern {
    case .vanilla, .naive: [CopyGroup(first: 0, count: repeats, windowed: false)]
    case .phd, .swa, .cswa:
      [
        CopyGroup(first: 0, count: 1, windowed: false),
        CopyGroup(first: 1, count: repeats - 1, windowed: true),
      ]
    }
  }

  /// Pairs of a query and a key it sees, over all copies and `positions` positions; with `lastCopyOnly`, those of
  /// copy K's queries.
  func visiblePairs(positions: Int, lastCopyOnly: Bool) -> Int {
    let triangle = positions * (positions + 1) / 2
    // Over the copies of one token that query: keys of their own token and group.
    let within = { (count: Int) in lastCopyOnly ? count : count * (count + 1) / 2 }
    let queries = { (count: Int) in lastCopyOnly ? 1 : count }
    switch pattern {
    case .vanilla, .naive:
      return (triangle - positions) * repeats * queries(repeats) + positions * within(repeats)
    case .phd, .swa, .cswa:
      let hidden = repeats - 1
      let earlier = (0..<positions).reduce(0) { $0 + $1 - firstVisible(from: $1) }
      let originals = lastCopyOnly ? triangle : repeats * triangle
      return originals + earlier * hidden * queries(hidden) + positions * within(hidden)
    }
  }
}
