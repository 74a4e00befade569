import Kernels
import Transformer

/// The positions whose logits a call of ``Decoder`` computes.
public enum WantedLogits: Sendable {
  /// Only the last new token's.
  case last
  /// All new tokens'.
  case all
}

/// Runs new tokens through the model and appends their keys and values to the sequences' KV caches. Prefill and decode
/// are the same operation with many tokens or one.
///
/// All copies of a token are computed together, so that weights and, where possible, cached keys are read once for all
/// of them. Hidden copies are computed only if the requested logits depend on them (``DependencyCone``).
public final class Decoder {
  public let model: InferenceModel
  let team: ThreadTeam
  let products: any PackedProductKernel
  let attention: any CachedAttentionKernel
  let workspace: Workspace
  private var rotary: RotaryTable
  /// Limits the cached-copy rows of a pass; hidden copies come in addition. Longer calls are split into several passes,
  /// to limit the workspace.
  private let rowsPerPass: Int

  public convenience init(_ model: InferenceModel, on team: ThreadTeam) {
    self.init(model, rowsPerPass: Decoder.rowsPerPass, on: team)
  }

  init(_ model: InferenceModel, rowsPerPass: Int, on team: ThreadTeam, workspace: Workspace = Workspace()) {
    self.model = model
    self.team = team
    self.rowsPerPass = rowsPerPass
    self.workspace = workspace
    products = kernels.packedProduct(on: team)
    attention = kernels.cachedAttention(model.configuration.heads, model.weights.precision, on: team)
    // Doubled when a sequence is longer.
    rotary = Decoder.rotary(model, positions: 256)
  }

  /// Enough rows for the products' best rate, and few enough for activations to stay in the processor's caches.
  static let rowsPerPass = 512

  /// The maximum memory of a pass in addition to weights and KV caches, in bytes. Does not count attention's scratch
  /// buffer and the RoPE table.
  ///
  /// - Parameter tokens: the new tokens of all sequences together.
  public static func workspaceBytes(
    _ model: ModelConfiguration, _ decoding: HiddenDecoding, sequences: Int, tokens: Int
  ) -> Int {
    let positions = max(1, min(tokens, rowsPerPass / decoding.cachedCopies))
    let rows = positions * decoding.repeats
    let heads = model.heads
    // Hidden keys of the new positions and of the recent ones before them. Each sequence has its own store, which is
    // rounded up to whole panels.
    let storeCount = min(sequences, positions)
    let hidden = decoding.hiddenCopies * (positions + storeCount * decoding.recentPositions)
    let panelBytes = KeyStore.bytes(heads, .fp32, slots: 1)
    let stores = hidden == 0 ? 0 : KeyStore.bytes(heads, .fp32, slots: hidden) + storeCount * panelBytes
    let queries = heads.queryHeads * heads.paddedHeadSize
    let normed = model.architecture.normPlacement == .beforeSublayer ? model.hiddenSize : 0
    let perRow =
      normed + model.hiddenSize + max(model.hiddenSize, model.querySize) + model.querySize + 2 * model.keyValueSize
      + queries + 3 * model.intermediateSize
      + max(model.hiddenSize, model.intermediateSize)
    return stores + (rows * perRow + max(logitsAtOnce, model.vocabularySize)) * MemoryLayout<Float>.stride
  }

  /// At most this many logits are in memory at once, but at least one row.
  private static let logitsAtOnce = 1 << 23

  private static func rotary(_ model: InferenceModel, positions: Int) -> RotaryTable {
    RotaryTable(
      positions: positions, headSize: model.configuration.headSize, theta: model.configuration.ropeTheta)
  }

  /// Appends each sequence's new tokens to its cache, and calls `body` with the requested logits [V], in position order
  /// within a sequence; sequences may interleave. Positions are absolute in the sequence. The logits are valid only
  /// during `body`. They are not checked, and damaged weights can make them infinite or NaN.
  ///
  /// If `body` throws, the call ends and the caches are unusable.
  ///
  /// - Precondition: every sequence has at least one new token and room in its cache; token ids are in 0..<V (not
  ///   checked); no cache occurs twice.
  public func extend(
    _ caches: [KVCache], by tokens: [[Int32]], logits wanted: WantedLogits = .last,
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    precondition(caches.count == tokens.count, "\(caches.count) caches, \(tokens.count) sequences of tokens")
    let firsts = zip(caches, tokens).map { wanted == .all ? $0.length : $0.length + $1.count - 1 }
    try extend(caches, by: tokens, logitsFrom: firsts, body)
  }

  /// Like ``extend(_:by:logits:_:)``, with the logits of each sequence's positions from `wanted` on. Positions are
  /// absolute in the sequence.
  ///
  /// A prompt can be appended in several calls. If all calls pass the same `wanted`, which may be a position of a later
  /// call, they compute no more hidden copies than one call would. After a call with `wanted` = w, no later call may
  /// want a position before w, because hidden keys before it were skipped.
  ///
  /// - Precondition: as for ``extend(_:by:logits:_:)``.
  public func extend(
    _ caches: [KVCache], by tokens: [[Int32]], logitsFrom wanted: [Int],
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    precondition(
      caches.count == tokens.count && caches.count == wanted.count,
      "\(caches.count) caches, \(tokens.count) sequences of tokens, \(wanted.count) wanted positions")
    let cones = caches.indices.map { index in
      let (cache, count) = (caches[index], tokens[index].count)
      precondition(
        count > 0 && cache.length + count <= cache.capacity,
        "each sequence needs new tokens, and room for them in its cache")
      return DependencyCone(model, wanted: wanted[index])
    }
    let longest = zip(caches, tokens).map { $0.length + $1.count }.max() ?? 0
    if rotary.positions < longest { rotary = Decoder.rotary(model, positions: max(longest, 2 * rotary.positions)) }
    var done = [Int](repeating: 0, count: tokens.count)
    while true {
      let pieces = nextPieces(tokens, done)
      if pieces.allSatisfy(\.isEmpty) { return }
      let indices = pieces.indices.filter { !pieces[$0].isEmpty }
      let sequences = indices.map { index in
        let start = caches[index].length
        return NewTokens(cache: caches[index], positions: start..<start + pieces[index].count, cone: cones[index])
      }
      try pass(sequences, tokens: indices.map { Array(tokens[$0][pieces[$0]]) }) { try body(indices[$0], $1, $2) }
      for index in indices {
        caches[index].length += pieces[index].count
        done[index] += pieces[index].count
      }
    }
  }

  /// The maximum number of tokens of one pass. Longer calls are split into pieces. The result is that of several calls
  /// with these pieces; its last bits depend on the pieces.
  public var tokensPerPass: Int { max(1, rowsPerPass / model.cachedCopies) }

  /// The tokens of each sequence for the next pass, together at most ``tokensPerPass``.
  ///
  /// How a sequence is split does not depend on the other sequences, so its results are bit-identical alone and in a
  /// batch. This matters because tiles of hidden keys are counted from the pass's first hidden key.
  private func nextPieces(_ tokens: [[Int32]], _ done: [Int]) -> [Range<Int>] {
    var room = tokensPerPass
    return zip(tokens, done).map { tokens, done in
      let count = min(tokens.count - done, tokensPerPass)
      if count > room { return done..<done }
      room -= count
      return done..<done + count
    }
  }

  /// One pass: runs each sequence's tokens through all layers.
  private func pass(
    _ sequences: [NewTokens], tokens: [[Int32]],
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    let configuration = model.configuration
    var rows = RowLayout(sequences, model) { $0.hiddenKeys(0) }
    let stream = workspace.matrix(.stream, rows: rows.count, columns: configuration.hiddenSize)
    embed(stream, sequences, tokens)
    for layer in 0..<configuration.layers {
      let isLast = layer == configuration.layers - 1
      let weights = model.weights.packed.layers[layer]
      let plan = LayerPlan(sequences, model, layer: layer, isLast: isLast, input: rows, in: workspace)
      let keyValue = workspace.matrix(.keyValue, rows: rows.count, columns: 2 * configuration.keyValueSize)
      products.forward(keyValue, sublayerInput(stream.rows(0..<rows.count), weights.attentionNorm), weights.keyValue)
      store(keyValue, plan, weights)
      stream.compact(plan.queryRows)
      if plan.queryRows.isEmpty { break }
      block(stream.rows(0..<plan.queryRows.count), plan, weights)
      rows = plan.output
    }
    try logits(stream, sequences, body)
  }

  /// Attention and FFN of one block, for the rows with queries.
  private func block(_ x: Matrix, _ plan: LayerPlan, _ weights: PackedWeights.Layer) {
    let configuration = model.configuration
    let (d, q, f) = (configuration.hiddenSize, configuration.querySize, configuration.intermediateSize)
    let query = workspace.matrix(.projection, rows: x.rows, columns: q)
    products.forward(query, sublayerInput(x, weights.attentionNorm), weights.query)
    let heads = configuration.heads
    let queries = workspace.matrix(
      .queries, model.weights.precision, rows: x.rows * heads.queryHeads, columns: heads.paddedHeadSize)
    kernels.headRows.queries(
      queries, query, order: plan.attentionOrder, positions: plan.queryPositions, norm: headNorm(weights.queryNorm),
      rotary: rotary, heads: heads, on: team)
    let attended = workspace.matrix(.attended, rows: x.rows, columns: q)
    attention.forward(attended, queries: queries, order: plan.attentionOrder, plan.queryGroups)
    // In the memory of `query`.
    let projection = workspace.matrix(.projection, rows: x.rows, columns: d)
    products.forward(projection, attended, weights.output)
    addOutput(projection, to: x, weights.attentionNorm)
    let gateUp = workspace.matrix(.gateUp, rows: x.rows, columns: 2 * f)
    products.forward(gateUp, sublayerInput(x, weights.feedForwardNorm), weights.gateUp)
    let activation = workspace.matrix(.activation, rows: x.rows, columns: f)
    kernels.swiGLU.forward(activation, gateUp, on: team)
    products.forward(projection, activation, weights.down)
    addOutput(projection, to: x, weights.feedForwardNorm)
  }

  private var epsilon: Float { Float(model.configuration.rmsNormEpsilon) }

  /// The input of attention or FFN: the stream (OLMo 2), or the normalized stream (Llama).
  private func sublayerInput(_ x: Matrix, _ weight: UnsafeMutablePointer<Float>) -> Matrix {
    switch model.configuration.architecture.normPlacement {
    case .afterSublayer: return x
    case .beforeSublayer:
      let normed = workspace.matrix(.normed, rows: x.rows, columns: x.columns)
      kernels.rmsNorm.forward(normed, x, weight: weight, epsilon: epsilon, on: team)
      return normed
    }
  }

  /// x += the output of attention or FFN (Llama), or the normalized output (OLMo 2).
  private func addOutput(_ addend: Matrix, to x: Matrix, _ weight: UnsafeMutablePointer<Float>) {
    switch model.configuration.architecture.normPlacement {
    case .afterSublayer: kernels.rmsNorm.forward(x, addend, weight: weight, epsilon: epsilon, residual: x, on: team)
    case .beforeSublayer: kernels.residualSum.forward(x, x, addend, on: team)
    }
  }

  /// The norm of queries or keys; nil if the model has none.
  private func headNorm(_ weight: UnsafeMutablePointer<Float>?) -> HeadNorm? {
    weight.map { HeadNorm(weight: $0, epsilon: epsilon) }
  }

  /// Writes the new keys and values to the caches, including the recent hidden ones that later tokens need.
  private func store(_ keyValue: Matrix, _ plan: LayerPlan, _ weights: PackedWeights.Layer) {
    kernels.headRows.store(
      keyValue, stores: plan.keyStores, slots: plan.keySlots, positions: plan.keyPositions,
      norm: headNorm(weights.keyNorm),
      rotary: rotary, heads: model.configuration.heads, on: team)
    for keys in plan.hiddenKeys { keys.saveRecent(model) }
  }

  /// x ← the embeddings of all copies, in the order of the first layer's ``RowLayout``.
  private func embed(_ x: Matrix, _ sequences: [NewTokens], _ tokens: [[Int32]]) {
    let cached = tokens.flatMap { $0.flatMap { Array(repeating: $0, count: model.cachedCopies) } }
    let hidden = zip(sequences, tokens).flatMap { sequence, tokens in
      sequence.hiddenKeys(0).flatMap { position in
        Array(repeating: tokens[position - sequence.positions.lowerBound], count: model.hiddenCopies)
      }
    }
    model.weights.embed(x, cached + hidden, on: team)
  }

  /// Computes the logits of the last layer's output rows, a slice of rows at a time.
  private func logits(
    _ x: Matrix, _ sequences: [NewTokens],
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    let weights = model.weights.packed
    let wanted = sequences.indices.flatMap { index in
      sequences[index].wantedPositions.map { (sequence: index, position: $0) }
    }
    let vocabulary = model.configuration.vocabularySize
    let atOnce = max(1, min(256, Decoder.logitsAtOnce / vocabulary))
    for start in stride(from: 0, to: wanted.count, by: atOnce) {
      let rows = start..<min(start + atOnce, wanted.count)
      let normed = workspace.matrix(.projection, rows: rows.count, columns: model.configuration.hiddenSize)
      kernels.rmsNorm.forward(
        normed, x.rows(rows), weight: weights.finalNorm, epsilon: epsilon, on: team)
      let logits = workspace.matrix(.logits, rows: rows.count, columns: vocabulary)
      products.forward(logits, normed, weights.head)
      for row in rows {
        let values = UnsafeBufferPointer(start: logits.pointer + (row - start) * vocabulary, count: vocabulary)
        try body(wanted[row].sequence, wanted[row].position, values)
      }
    }
  }
}
