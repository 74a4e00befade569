/// The keys and values of one group of copies.
///
/// A query at position n sees the keys of positions firstVisible[n] … n. At its own position it sees all copies of the
/// group, or, if it belongs to the same group, the copies up to its own.
public struct AttentionKeys {
  package let keys: UnsafeMutableRawPointer
  package let values: UnsafeMutableRawPointer
  /// Transposed keys and values, see ``KeyPanels``. Only the backward pass needs the values'.
  package let keyPanels: UnsafeMutableRawPointer
  package let valuePanels: UnsafeMutableRawPointer?
  /// Interleaved values in the forward pass, interleaved keys in the backward pass; unused in fp32.
  package let interleaved: UnsafeMutableRawPointer
  package let keyGradients: UnsafeMutablePointer<Float>?
  package let valueGradients: UnsafeMutablePointer<Float>?
  /// The number of keys at each position.
  package let copies: Int
  /// [sequences][positions], ascending within a sequence; nil if all earlier positions are visible.
  package let firstVisible: UnsafePointer<Int32>?
  /// The largest number of positions that a query sees; the number of positions if there is no limit.
  package let window: Int
  /// Whether the queries belong to the same group of copies.
  package let own: Bool

  /// - Parameters:
  ///   - keys, values: of type ``Attention/type``, [sequences][kv heads][positions · copies][padded e], see
  ///     ``HeadLayout``; zero between e and padded e.
  ///   - keyPanels, valuePanels: memory for ``KeyPanels/count`` floats each. `valuePanels` is needed for the backward pass.
  ///   - interleaved: memory for ``KeyPanels/interleavedCount`` floats.
  ///   - keyGradients, valueGradients: fp32, in the order of the keys; needed for the backward pass.
  public init(
    keys: UnsafeMutableRawPointer, values: UnsafeMutableRawPointer, keyPanels: UnsafeMutableRawPointer,
    valuePanels: UnsafeMutableRawPointer? = nil, interleaved: UnsafeMutableRawPointer,
    keyGradients: UnsafeMutablePointer<Float>? = nil, valueGradients: UnsafeMutablePointer<Float>? = nil,
    copies: Int, firstVisible: UnsafePointer<Int32>? = nil, window: Int, own: Bool
  ) {
    self.keys = keys
    self.values = values
    self.keyPanels = keyPanels
    self.valuePanels = valuePanels
    self.interleaved = interleaved
    self.keyGradients = keyGradients
    self.valueGradients = valueGradients
    self.copies = copies
    self.firstVisible = firstVisible
    self.window = window
    self.own = own
  }
}

/// The queries of one group of copies, and the keys that they see.
public struct AttentionQueries {
  package let queries: UnsafeMutableRawPointer
  package let queryGradients: UnsafeMutablePointer<Float>?
  /// The number of copies at each position.
  package let copies: Int
  /// Index of the first of these copies within its group.
  package let firstCopy: Int
  package let keys: [AttentionKeys]
  /// Attention's output, [copies · sequences · positions, query heads · e], rows and columns in the projection's order.
  package let output: Matrix
  /// log₂ Σ 2^score of each query, [sequences][kv heads][positions · copies · heads per key].
  package let logSumExps: UnsafeMutablePointer<Float>

  /// - Parameters:
  ///   - queries: rotated and multiplied by ``HeadShape/queryScale``, of type ``Attention/type``,
  ///     [sequences][kv heads][positions · copies · heads per key][padded e], see ``HeadLayout``; zero between e and
  ///     padded e.
  ///   - queryGradients: fp32, in the order of the queries; needed for the backward pass.
  public init(
    queries: UnsafeMutableRawPointer, queryGradients: UnsafeMutablePointer<Float>? = nil, copies: Int,
    firstCopy: Int, keys: [AttentionKeys], output: Matrix, logSumExps: UnsafeMutablePointer<Float>
  ) {
    self.queries = queries
    self.queryGradients = queryGradients
    self.copies = copies
    self.firstCopy = firstCopy
    self.keys = keys
    self.output = output
    self.logSumExps = logSumExps
  }
}
