/// An attention pattern of hidden decoding: which keys a query sees.
///
/// A token is (position n, copy j), n = 0…T−1, j = 1…K. The rule is `visible(query:key:)`; everything else only names
/// its parameters. K = 1 is accepted with every kind and must be equal to vanilla.
public struct ReferencePattern: Sendable, Hashable, CustomStringConvertible {
  /// The names of the configuration key `hidden_decoding.pattern`.
  public enum Kind: String, Sendable, CaseIterable {
    case vanilla, phd, swa, cswa, naive
  }

  public let kind: Kind

  /// K, the number of copies of every token.
  public let repeats: Int

  /// W, in positions, including the query's own position. 1 means no window.
  public let window: Int

  /// C, in positions; nil for one chunk for the whole sequence.
  public let chunk: Int?

  /// A pattern with the values of a configuration or a golden file.
  ///
  /// - Precondition: K, W and C are positive; K = 1 for `vanilla`.
  public init(_ kind: Kind, repeats: Int, window: Int = 1, chunk: Int? = nil) {
    precondition(repeats >= 1 && window >= 1 && (chunk ?? 1) >= 1, "K, W and C are positive")
    precondition(kind != .vanilla || repeats == 1, "vanilla has one copy")
    self.kind = kind
    self.repeats = repeats
    self.window = window
    self.chunk = chunk
  }

  /// The plain transformer.
  public static let vanilla = ReferencePattern(.vanilla, repeats: 1)

  /// PHD-K.
  public static func phd(repeats: Int) -> ReferencePattern { ReferencePattern(.phd, repeats: repeats) }

  /// PHD-SWA-K-W-∞.
  public static func swa(repeats: Int, window: Int) -> ReferencePattern {
    ReferencePattern(.swa, repeats: repeats, window: window)
  }

  /// PHD-CSWA-K-W-C.
  public static func cswa(repeats: Int, window: Int, chunk: Int) -> ReferencePattern {
    ReferencePattern(.cswa, repeats: repeats, window: window, chunk: chunk)
  }

  /// Naive token repeating.
  public static func naive(repeats: Int) -> ReferencePattern { ReferencePattern(.naive, repeats: repeats) }

  /// Whether query (n, j) attends to key (m, i). Positions start at 0, copies at 1.
  ///
  ///     i = 1 and m ≤ n                                              originals, causal, for every query
  ///     or  i ≥ 2, j ≥ 2, m = n, i ≤ j                               earlier copies of the same token
  ///     or  i ≥ 2, j ≥ 2, 0 < n − m < W, chunk(m) = chunk(n)         hidden copies in the window
  ///
  /// and, for `naive`, m < n, or m = n and i ≤ j.
  public func visible(query: (n: Int, j: Int), key: (m: Int, i: Int)) -> Bool {
    let (n, j) = query
    let (m, i) = key
    if kind == .naive {
      return m < n || (m == n && i <= j)
    }
    let original = i == 1 && m <= n
    let sameToken = i >= 2 && j >= 2 && m == n && i <= j
    let sameChunk = chunk.map { m / $0 == n / $0 } ?? true
    let inWindow = i >= 2 && j >= 2 && 0 < n - m && n - m < window && sameChunk
    return original || sameToken || inWindow
  }

  /// For instance `cswa-3-4-8`: kind, K, W, C.
  public var description: String {
    switch kind {
    case .vanilla: "vanilla"
    case .phd, .naive: "\(kind.rawValue)-\(repeats)"
    case .swa: "swa-\(repeats)-\(window)"
    case .cswa: "cswa-\(repeats)-\(window)-\(chunk.map(String.init) ?? "∞")"
    }
  }
}
