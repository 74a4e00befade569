/// Parallel hidden decoding (arXiv 2504.14992): K copies of each token under a pattern.
public struct HiddenDecoding: Sendable, Equatable {
  public let pattern: Pattern
  /// K: copies of each token, the original included.
  public let repeats: Int
  /// W: positions whose hidden copies a hidden copy sees, its own included.
  public let window: Int
  /// C: positions of a chunk, which the window does not leave; nil for no chunks.
  public let chunk: Int?

  public static let vanilla = HiddenDecoding(pattern: .vanilla, repeats: 1)

  /// - Precondition: ``validationError(pattern:repeats:window:chunk:)`` is nil.
  public init(pattern: Pattern, repeats: Int, window: Int? = nil, chunk: Int? = nil) {
    precondition(
      HiddenDecoding.validationError(pattern: pattern, repeats: repeats, window: window, chunk: chunk) == nil,
      "\(pattern), K \(repeats), W \(String(describing: window)), C \(String(describing: chunk))")
    self.pattern = pattern
    self.repeats = repeats
    self.window = window ?? 1
    self.chunk = chunk
  }

  /// Why a combination is invalid, in a message that names the configuration's keys; nil if it is valid.
  public static func validationError(pattern: Pattern, repeats: Int, window: Int?, chunk: Int?) -> String? {
    let named = "pattern \"\(pattern)\""
    if !pattern.hasHiddenCopies {
      if repeats != 1 { return "\(named) has repeats 1, not \(repeats)" }
    } else if repeats < 2 {
      return "\(named) needs repeats of at least 2, not \(repeats) (K = 1 is \"vanilla\")"
    }
    if pattern.usesWindow {
      guard let window else { return "\(named) needs a window" }
      if window <= 1 { return "\(named) needs a window of at least 2, not \(window) (W = 1 is \"phd\")" }
    } else if window != nil {
      return "\(named) uses no window: remove the key, or choose \(Pattern.names(where: \.usesWindow))"
    }
    if pattern.usesChunk {
      guard let chunk else { return "\(named) needs a chunk (without one it is \"swa\")" }
      if chunk < 1 { return "chunk must be at least 1, not \(chunk)" }
    } else if chunk != nil {
      return "\(named) uses no chunk: remove the key, or choose \(Pattern.names(where: \.usesChunk))"
    }
    return nil
  }

  /// The name in the paper, `PHD-CSWA-3-16-32`.
  public var name: String { pattern.modelName(self) }

  /// A one-line description of the pattern.
  public var caption: String { pattern.caption(self) }

  /// The first position whose hidden copies position `n`'s hidden copies see.
  public func firstVisible(from n: Int) -> Int {
    let windowStart = max(0, n - window + 1)
    guard let chunk else { return windowStart }
    return max(windowStart, n / chunk * chunk)
  }
}

/// Consecutive copies that attention processes together: their queries are stacked, and so are their keys.
struct CopyGroup: Sendable, Equatable {
  /// The first copy's index, from 0.
  let first: Int
  let count: Int
  /// Whether its keys are visible only to its own queries, and only within the window.
  let windowed: Bool
}

extension HiddenDecoding {
  /// The group of the originals and the group of the hidden copies; one group if the pattern treats all copies alike.
  var groups: [CopyGroup] {
    switch pattern.grouping {
    case .together: [CopyGroup(first: 0, count: repeats, windowed: false)]
    case .originalsAndHidden:
      [
        CopyGroup(first: 0, count: 1, windowed: false),
        CopyGroup(first: 1, count: repeats - 1, windowed: true),
      ]
    }
  }

  /// The number of visible (query, key) pairs over all copies and `positions` positions; with `lastCopyOnly`, only
  /// pairs with a query of copy K.
  func visiblePairs(positions: Int, lastCopyOnly: Bool) -> Int {
    let triangle = positions * (positions + 1) / 2
    // Visible pairs within one token and one group of `count` copies.
    let within = { (count: Int) in lastCopyOnly ? count : count * (count + 1) / 2 }
    let queries = { (count: Int) in lastCopyOnly ? 1 : count }
    switch pattern.grouping {
    case .together:
      return (triangle - positions) * repeats * queries(repeats) + positions * within(repeats)
    case .originalsAndHidden:
      let hidden = repeats - 1
      let earlier = (0..<positions).reduce(0) { $0 + $1 - firstVisible(from: $1) }
      let originals = lastCopyOnly ? triangle : repeats * triangle
      return originals + earlier * hidden * queries(hidden) + positions * within(hidden)
    }
  }
}
