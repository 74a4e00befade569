import Kernels

/// Sums over the target tokens of a micro-batch, not averaged.
public struct LossSums: Sendable, Equatable {
  /// Σ −log p(target), nats.
  public var crossEntropy: Double
  /// Σ logsumexp(logits)².
  public var squaredLogSumExp: Double
  /// Target tokens.
  public var tokens: Int

  public init(crossEntropy: Double = 0, squaredLogSumExp: Double = 0, tokens: Int = 0) {
    self.crossEntropy = crossEntropy
    self.squaredLogSumExp = squaredLogSumExp
    self.tokens = tokens
  }

  public static func += (left: inout LossSums, right: LossSums) {
    left.crossEntropy += right.crossEntropy
    left.squaredLogSumExp += right.squaredLogSumExp
    left.tokens += right.tokens
  }
}

/// The forward and backward pass of a micro-batch through the model.
///
/// All activations and scratch buffers are in one allocation, which ``ActivationPlan`` divides up from the
/// configuration. Read `ModelPass+Forward.swift` and `ModelPass+Backward.swift` side by side: each forward step has a
/// backward step, in reverse order.
public final class ModelPass {
  public let shape: PassShape
  public let layout: ParameterLayout

  /// Measures the time of each part of a pass; nil for no measurement.
  public var clock: StepClock?

  let plan: ActivationPlan
  let recompute: Recompute
  let arena: Buffer
  var products: MatrixProduct
  let attention: any AttentionKernel
  let rotary: RotaryTable
  let team: ThreadTeam
  /// Input tokens [sequences · T].
  let inputs: UnsafeMutableBufferPointer<Int32>
  /// The token that follows each input [sequences · T]; negative if it begins another document and is not a target.
  let targets: UnsafeMutablePointer<Int32>
  /// The position of each input in its document, [sequences · T].
  let documentPositions: UnsafeMutablePointer<Int32>
  /// The position in the sequence where each input's document starts, [sequences · T].
  let documentStarts: UnsafeMutablePointer<Int32>
  /// The first position in the sequence whose hidden copies each input's hidden copies see, [sequences · T].
  let firstVisible: UnsafeMutablePointer<Int32>
  /// Whether the sequences of the micro-batch are divided into documents that do not see each other.
  var hasDocuments = false
  /// Whether memory for a backward pass is planned.
  let trains: Bool

  /// - Parameters:
  ///   - recompute: which activations are kept for the backward pass.
  ///   - trains: whether there is a backward pass. A forward-only pass needs far less memory.
  public init(
    _ shape: PassShape, layout: ParameterLayout, recompute: Recompute = .none, trains: Bool, on team: ThreadTeam
  ) {
    precondition(!(trains && shape.everyCopy), "only copy K is trained")
    self.shape = shape
    self.layout = layout
    self.recompute = recompute
    self.trains = trains
    self.team = team
    plan = ActivationPlan(shape, keepsLayers: trains && recompute == .none, training: trains)
    arena = Buffer(count: plan.count)
    products = MatrixProduct(of: shape.precision, on: team)
    attention = kernels.attention(
      shape.attention, shape.attentionPrecision, copies: shape.largestGroup, on: team)
    rotary = RotaryTable(
      positions: shape.positions, headSize: shape.model.headSize, theta: shape.model.ropeTheta)
    let rows = shape.rowsPerCopy
    inputs = .allocate(capacity: rows)
    inputs.initialize(repeating: 0)
    let arrays = (0..<4).map { _ in UnsafeMutablePointer<Int32>.allocate(capacity: rows) }
    for array in arrays { array.initialize(repeating: 0, count: rows) }
    (targets, documentPositions, documentStarts, firstVisible) = (arrays[0], arrays[1], arrays[2], arrays[3])
  }

  deinit {
    inputs.deallocate()
    for array in [targets, documentPositions, documentStarts, firstVisible] { array.deallocate() }
  }

  /// Bytes of memory that a pass of this shape needs.
  public static func bytes(_ shape: PassShape, recompute: Recompute = .none, trains: Bool, threads: Int) -> Int {
    let plan = ActivationPlan(shape, keepsLayers: trains && recompute == .none, training: trains)
    let scratch = kernels.attentionScratchCount(
      shape.attention, shape.attentionPrecision, copies: shape.largestGroup, threads: threads)
    return MemoryLayout<Float>.stride * (plan.count + scratch + shape.positions * shape.model.headSize)
      + MemoryLayout<Int32>.stride * 5 * shape.rowsPerCopy
  }

  /// The rate of a library's matrix products with the shapes of a training step, in operations per second: the median over
  /// the shapes.
  ///
  /// - Parameters:
  ///   - tokens: the maximum number of rows. The head's product has at most 8192 columns.
  ///   - seconds: a clock, in seconds.
  public func measureLibraryRate(tokens: Int, seconds: () -> Double) -> Double {
    products.measureLibraryRate(of: linearMaps(tokens: tokens), seconds: seconds)
  }

  /// The rate of this pass's own products with the same shapes.
  public func measureProductRate(tokens: Int, seconds: () -> Double) -> Double {
    products.measureRate(of: linearMaps(tokens: tokens), seconds: seconds)
  }

  private func linearMaps(tokens: Int) -> [MatrixProduct.LinearMap] {
    let (d, q, f) = (model.hiddenSize, model.querySize, model.intermediateSize)
    let rows = min(tokens, shape.rowsPerCopy)
    let maps = [
      (rows, d, q + 2 * model.keyValueSize), (rows, q, d), (rows, d, 2 * f), (rows, f, d),
      (min(rows, shape.headRows), d, min(8192, model.vocabularySize)),
    ]
    return maps.map { MatrixProduct.LinearMap(tokens: $0.0, inputs: $0.1, outputs: $0.2) }
  }

  // MARK: matrices in the arena

  func pointer(at offset: Int) -> UnsafeMutablePointer<Float> { arena.pointer + offset }

  /// An fp32 matrix in the arena.
  func matrix(_ offset: Int, rows: Int, columns: Int) -> Matrix {
    matrix(offset, .fp32, rows: rows, columns: columns)
  }

  func matrix(_ offset: Int, _ type: ElementType, rows: Int, columns: Int) -> Matrix {
    Matrix(UnsafeMutableRawPointer(arena.pointer + offset), type, rows: rows, columns: columns)
  }

  /// The type of the operands and results of matrix products.
  public var precision: ElementType { shape.precision }

  /// `x` in the type of product operands: `x` itself, or a rounded bf16 copy, which is valid until the next call.
  func productOperand(_ x: Matrix) -> Matrix { rounded(x, at: plan.roundedRows) }

  /// A weight in the type of product operands: itself, or a rounded bf16 copy, which is valid until the next call.
  func productOperand(weight: Matrix) -> Matrix { rounded(weight, at: plan.roundedWeight) }

  /// `x` in the type of product operands; a copy is stored at `offset` of the arena.
  func rounded(_ x: Matrix, at offset: Int) -> Matrix {
    if x.type == precision { return x }
    let copy = matrix(offset, precision, rows: x.rows, columns: x.columns)
    copy.copy(from: x, on: team)
    return copy
  }

  var model: ModelConfiguration { shape.model }
  var epsilon: Float { Float(model.rmsNormEpsilon) }

  /// The rows of copy K in a matrix with the rows of all copies: the last ones.
  var lastCopy: Range<Int> { shape.rows - shape.rowsPerCopy..<shape.rows }

  /// The residual stream that enters a layer, [rows, d]. For `layer` = L it is the last layer's output, [query rows,
  /// d].
  func stream(into layer: Int) -> Matrix {
    let rows = layer == model.layers ? shape.queryRows(layer: layer - 1) : shape.rows
    return matrix(plan.inputs[layer], rows: rows, columns: model.hiddenSize)
  }

  /// The residual stream between attention and FFN.
  func attentionResidual(rows: Int) -> Matrix {
    matrix(plan.attentionResidual, rows: rows, columns: model.hiddenSize)
  }

  /// With norms before attention and FFN (Llama): the normalized rows that attention or the FFN reads.
  func normed(rows: Int) -> Matrix { matrix(plan.normed, rows: rows, columns: model.hiddenSize) }

  /// The gradient of ``normed(rows:)``.
  func normedGradient(rows: Int) -> Matrix { matrix(plan.normedGradient, rows: rows, columns: model.hiddenSize) }

  /// The output of SwiGLU, [rows, f]; in the backward pass its gradient.
  func activation(rows: Int) -> Matrix {
    matrix(plan.activation, precision, rows: rows, columns: model.intermediateSize)
  }

  /// The matrices that a layer keeps for its backward pass.
  func activations(of layer: Int) -> LayerActivations {
    LayerActivations(self, plan.layers[layer], queryRows: shape.queryRows(layer: layer), at: layer)
  }
}

/// The matrices that one layer keeps from its forward pass for its backward pass.
struct LayerActivations {
  /// Queries, keys and values of all rows [rows, h·e + 2·g·e]; nil in the last layer, which has fewer query rows.
  let queryKeyValue: Matrix?
  /// [query rows, h·e], before the norm and the rotation.
  let query: Matrix
  /// [rows, 2·g·e]: keys before the norm and the rotation, then values.
  let keyValue: Matrix
  /// The two halves of `keyValue`, [rows, g·e] each.
  let keys: Matrix
  let values: Matrix
  /// [query rows, h·e].
  let attentionOutput: Matrix
  /// The base-2 logsumexp of the attention scores, per query row and query head.
  let logSumExps: UnsafeMutablePointer<Float>
  /// The output of attention's output weight, [query rows, d].
  let projection: Matrix
  /// The FFN's gate and up columns, [query rows, 2f].
  let gateUp: Matrix
  /// The output of the FFN's down weight, [query rows, d].
  let down: Matrix

  init(_ pass: ModelPass, _ plan: ActivationPlan.LayerOffsets, queryRows: Int, at layer: Int) {
    let model = pass.model
    let (d, q, kv) = (model.hiddenSize, model.querySize, model.keyValueSize)
    (queryKeyValue, query, keyValue) = LayerActivations.queryKeyValueMatrices(
      at: pass.pointer(at: plan.queryKeyValue), pass.shape, layer: layer)
    attentionOutput = pass.matrix(plan.attentionOutput, pass.precision, rows: queryRows, columns: q)
    logSumExps = pass.pointer(at: plan.logSumExps)
    projection = pass.matrix(plan.projection, pass.precision, rows: queryRows, columns: d)
    gateUp = pass.matrix(plan.gateUp, pass.precision, rows: queryRows, columns: 2 * model.intermediateSize)
    down = pass.matrix(plan.down, pass.precision, rows: queryRows, columns: d)
    keys = keyValue.columns(0..<kv)
    values = keyValue.columns(kv..<2 * kv)
  }

  /// The matrices of queries, keys and values in memory from `start` on.
  ///
  /// In all layers but the last they are columns of one fused matrix. The last layer has queries for copy K only, so
  /// `fused` is nil, and `query` and `keyValue` are two matrices.
  static func queryKeyValueMatrices(
    at start: UnsafeMutablePointer<Float>, _ shape: PassShape, layer: Int
  ) -> (fused: Matrix?, query: Matrix, keyValue: Matrix) {
    let (q, kv) = (shape.model.querySize, shape.model.keyValueSize)
    let start = UnsafeMutableRawPointer(start)
    if shape.computesLastCopyOnly(layer) {
      let query = Matrix(start, shape.precision, rows: shape.rowsPerCopy, columns: q)
      let afterQueries = start + shape.rowsPerCopy * q * shape.precision.bytes
      return (nil, query, Matrix(afterQueries, shape.precision, rows: shape.rows, columns: 2 * kv))
    }
    let fused = Matrix(start, shape.precision, rows: shape.rows, columns: q + 2 * kv)
    return (fused, fused.columns(0..<q), fused.columns(q..<q + 2 * kv))
  }
}
