import Kernels
import Transformer

/// Which of the new tokens' logits are wanted.
public enum WantedLogits: Sendable {
  /// The last token's.
  case last
  /// Every new token's.
  case all
}

/// Takes new tokens through the model onto their sequences' caches: prefill, decode, and all between.
///
/// All copies of a token go through together, so that weights and cached keys are read once for all of them; hidden
/// copies are computed only where the wanted logits depend on them (``DependencyCone``).
public final class Decoder {
  public let model: InferenceModel
  let team: ThreadTeam
  let products: PackedProduct
  let attention: CachedAttention
  let workspace: Workspace
  private var rotary: RotaryTable
  /// Longer extensions are cut into pieces of so many rows, to bound the memory they take.
  private let rowsAtOnce: Int

  public convenience init(_ model: InferenceModel, on team: ThreadTeam) {
    self.init(model, rowsAtOnce: Decoder.rowsAtOnce, on: team)
  }

  init(_ model: InferenceModel, rowsAtOnce: Int, on team: ThreadTeam, workspace: Workspace = Workspace()) {
    self.model = model
    self.team = team
    self.rowsAtOnce = rowsAtOnce
    self.workspace = workspace
    products = PackedProduct(on: team)
    attention = CachedAttention(model.configuration.heads, model.weights.precision, on: team)
    rotary = Decoder.rotary(model, positions: 256)
  }

  /// Enough to be at the products' best rate; what is computed on the way then stays in the caches.
  static let rowsAtOnce = 512

  /// Bytes that a pass over so many sequences, of so many new tokens in all, takes beside weights and caches, at the
  /// most.
  public static func workspaceBytes(
    _ model: ModelConfiguration, _ decoding: HiddenDecoding, sequences: Int, tokens: Int
  ) -> Int {
    let positions = max(1, min(tokens, rowsAtOnce / decoding.cachedCopies))
    let rows = positions * decoding.repeats
    let heads = model.heads
    // Hidden keys of the new positions, and of those before them that are kept; a store each, in whole panels.
    let hidden = decoding.hiddenCopies * (positions + min(sequences, positions) * decoding.keptPositions)
    let stores = hidden == 0 ? 0 : KeyStore.bytes(heads, .fp32, slots: hidden + 64 * min(sequences, positions))
    let queries = heads.queryHeads * heads.paddedHeadSize
    let normed = model.architecture.normPlacement == .beforeSublayer ? model.hiddenSize : 0
    let perRow =
      normed + model.hiddenSize + max(model.hiddenSize, model.querySize) + model.querySize + 2 * model.keyValueSize
      + queries + 3 * model.intermediateSize
      + max(model.hiddenSize, model.intermediateSize)
    return stores + (rows * perRow + max(logitsAtOnce, model.vocabularySize)) * MemoryLayout<Float>.stride
  }

  /// Logits that are made at one time, unless a row has more.
  private static let logitsAtOnce = 1 << 23

  private static func rotary(_ model: InferenceModel, positions: Int) -> RotaryTable {
    RotaryTable(
      positions: positions, headSize: model.configuration.headSize, theta: model.configuration.ropeTheta)
  }

  /// Appends each sequence's new tokens to its cache, and gives `body` the wanted logits [V], sequence by sequence and
  /// position by position. Logits are not checked; damaged weights can make them infinite or NaN.
  ///
  /// What `body` throws ends the pass, and leaves the caches unusable.
  ///
  /// - Precondition: every sequence has new tokens, each below V, and room for them.
  public func extend(
    _ caches: [KVCache], by tokens: [[Int32]], logits wanted: WantedLogits = .last,
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    precondition(caches.count == tokens.count, "\(caches.count) caches, \(tokens.count) sequences of tokens")
    let firsts = zip(caches, tokens).map { wanted == .all ? $0.length : $0.length + $1.count - 1 }
    try extend(caches, by: tokens, logitsFrom: firsts, body)
  }

  /// The same with the logits of each sequence's positions from `wanted` on. A prompt may come in pieces: each call with
  /// the first position whose logits are wanted at all, which lies beyond all but the last pieces, computes nothing that
  /// the whole would not.
  ///
  /// - Precondition: every sequence has new tokens, each below V, and room for them.
  public func extend(
    _ caches: [KVCache], by tokens: [[Int32]], logitsFrom wanted: [Int],
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    precondition(
      caches.count == tokens.count && caches.count == wanted.count,
      "\(caches.count) caches, \(tokens.count) sequences of tokens, \(wanted.count) wanted positions")
    let cones = caches.indices.map { index in
      let (cache, count) = (caches[index], tokens[index].count)
      precondition(count > 0 && cache.length + count <= cache.capacity, "no tokens, or no room")
      return DependencyCone(model, wanted: wanted[index])
    }
    let longest = zip(caches, tokens).map { $0.length + $1.count }.max() ?? 0
    if rotary.positions < longest { rotary = Decoder.rotary(model, positions: max(longest, 2 * rotary.positions)) }
    var done = [Int](repeating: 0, count: tokens.count)
    while true {
      let piece = nextPiece(tokens, done)
      if piece.allSatisfy(\.isEmpty) { return }
      let indices = piece.indices.filter { !piece[$0].isEmpty }
      let extensions = indices.map { index in
        let start = caches[index].length
        return NewTokens(cache: caches[index], positions: start..<start + piece[index].count, cone: cones[index])
      }
      try pass(extensions, tokens: indices.map { Array(tokens[$0][piece[$0]]) }) { try body(indices[$0], $1, $2) }
      for index in indices {
        caches[index].length += piece[index].count
        done[index] += piece[index].count
      }
    }
  }

  /// How many tokens go through at one time: more are cut into pieces, as if they had come in several calls.
  public var tokensAtOnce: Int { max(1, rowsAtOnce / model.cachedCopies) }

  /// The tokens of each sequence that go through next, together about ``rowsAtOnce`` rows.
  ///
  /// A sequence's pieces are the same whatever others there are: its hidden keys lie in tiles that begin with a piece.
  private func nextPiece(_ tokens: [[Int32]], _ done: [Int]) -> [Range<Int>] {
    var room = tokensAtOnce
    return zip(tokens, done).map { tokens, done in
      let count = min(tokens.count - done, tokensAtOnce)
      if count > room { return done..<done }
      room -= count
      return done..<done + count
    }
  }

  private func pass(
    _ extensions: [NewTokens], tokens: [[Int32]],
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    let configuration = model.configuration
    var rows = RowPlan(extensions, model) { $0.hiddenKeys(0) }
    let stream = workspace.matrix(.stream, rows: rows.count, columns: configuration.hiddenSize)
    embed(stream, extensions, tokens)
    for layer in 0..<configuration.layers {
      let isLast = layer == configuration.layers - 1
      let weights = model.weights.places.layers[layer]
      let call = LayerCall(extensions, model, layer: layer, isLast: isLast, input: rows, in: workspace)
      let keyValue = workspace.matrix(.keyValue, rows: rows.count, columns: 2 * configuration.keyValueSize)
      products.forward(keyValue, preNormed(stream.rows(0..<rows.count), weights.attentionNorm), weights.keyValue)
      store(keyValue, call, weights)
      stream.compact(call.kept)
      if call.kept.isEmpty { break }
      block(stream.rows(0..<call.kept.count), call, weights)
      rows = call.output
    }
    try head(stream, extensions, body)
  }

  /// One block's attention and FFN for the rows that query.
  private func block(_ x: Matrix, _ call: LayerCall, _ weights: WeightPlaces.Layer) {
    let configuration = model.configuration
    let (d, q, f) = (configuration.hiddenSize, configuration.querySize, configuration.intermediateSize)
    let query = workspace.matrix(.query, rows: x.rows, columns: q)
    products.forward(query, preNormed(x, weights.attentionNorm), weights.query)
    let heads = configuration.heads
    let queries = workspace.matrix(
      .queries, model.weights.precision, rows: x.rows * heads.queryHeads, columns: heads.paddedHeadSize)
    HeadRows.queries(
      queries, query, order: call.order, positions: call.positions, norm: headNorm(weights.queryNorm),
      rotary: rotary, heads: heads, on: team)
    let attended = workspace.matrix(.attended, rows: x.rows, columns: q)
    attention.forward(attended, queries: queries, order: call.order, call.groups)
    let projection = workspace.matrix(.query, rows: x.rows, columns: d)
    products.forward(projection, attended, weights.output)
    add(projection, to: x, weights.attentionNorm)
    let gateUp = workspace.matrix(.gateUp, rows: x.rows, columns: 2 * f)
    products.forward(gateUp, preNormed(x, weights.feedForwardNorm), weights.gateUp)
    let activation = workspace.matrix(.activation, rows: x.rows, columns: f)
    SwiGLU.forward(activation, gateUp, on: team)
    products.forward(projection, activation, weights.down)
    add(projection, to: x, weights.feedForwardNorm)
  }

  private var epsilon: Float { Float(model.configuration.rmsNormEpsilon) }

  /// What a block's attention or FFN takes of the stream: the stream itself, or its norm.
  private func preNormed(_ x: Matrix, _ weight: UnsafeMutablePointer<Float>) -> Matrix {
    switch model.configuration.architecture.normPlacement {
    case .afterSublayer: return x
    case .beforeSublayer:
      let normed = workspace.matrix(.normed, rows: x.rows, columns: x.columns)
      RMSNorm.forward(normed, x, weight: weight, epsilon: epsilon, on: team)
      return normed
    }
  }

  /// x += what a block's attention or FFN gave, or its norm.
  private func add(_ addend: Matrix, to x: Matrix, _ weight: UnsafeMutablePointer<Float>) {
    switch model.configuration.architecture.normPlacement {
    case .afterSublayer: RMSNorm.forward(x, addend, weight: weight, epsilon: epsilon, residual: x, on: team)
    case .beforeSublayer: ResidualSum.forward(x, x, addend, on: team)
    }
  }

  private func headNorm(_ weight: UnsafeMutablePointer<Float>?) -> HeadNorm? {
    weight.map { HeadNorm(weight: $0, epsilon: epsilon) }
  }

  /// Keys and values go to their caches, and the last hidden ones are kept for later tokens.
  private func store(_ keyValue: Matrix, _ call: LayerCall, _ weights: WeightPlaces.Layer) {
    HeadRows.store(
      keyValue, stores: call.stores, slots: call.slots, positions: call.keyPositions, norm: headNorm(weights.keyNorm),
      rotary: rotary, heads: model.configuration.heads, on: team)
    for keys in call.hiddenKeys { keys.keep(model) }
  }

  private func embed(_ x: Matrix, _ extensions: [NewTokens], _ tokens: [[Int32]]) {
    let cached = tokens.flatMap { $0.flatMap { Array(repeating: $0, count: model.cachedCopies) } }
    let hidden = zip(extensions, tokens).flatMap { one, tokens in
      one.hiddenKeys(0).flatMap { position in
        Array(repeating: tokens[position - one.positions.lowerBound], count: model.hiddenCopies)
      }
    }
    model.weights.embed(x, cached + hidden, on: team)
  }

  /// The logits of the rows that the last layer left, a slice at a time.
  private func head(
    _ x: Matrix, _ extensions: [NewTokens],
    _ body: (_ sequence: Int, _ position: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void
  ) rethrows {
    let places = model.weights.places
    let last = model.configuration.layers - 1
    let wanted = extensions.indices.flatMap { index in
      extensions[index].hiddenQueries(last).map { (sequence: index, position: $0) }
    }
    let vocabulary = model.configuration.vocabularySize
    let atOnce = max(1, min(256, Decoder.logitsAtOnce / vocabulary))
    for start in stride(from: 0, to: wanted.count, by: atOnce) {
      let rows = start..<min(start + atOnce, wanted.count)
      let normed = workspace.matrix(.query, rows: rows.count, columns: model.configuration.hiddenSize)
      RMSNorm.forward(
        normed, x.rows(rows), weight: places.finalNorm, epsilon: epsilon, on: team)
      let logits = workspace.matrix(.logits, rows: rows.count, columns: vocabulary)
      products.forward(logits, normed, places.head)
      for row in rows {
        let values = UnsafeBufferPointer(start: logits.pointer + (row - start) * vocabulary, count: vocabulary)
        try body(wanted[row].sequence, wanted[row].position, values)
      }
    }
  }
}
