import Kernels

/// Sums over the target tokens of a micro-batch, not yet divided by anything.
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

/// The pass of a micro-batch through the model, forward and back, in memory that is planned once.
///
/// Read `ModelPass+Forward.swift` and `ModelPass+Backward.swift` beside each other: the same steps in reverse.
public final class ModelPass {
  public let shape: PassShape
  public let layout: ParameterLayout

  /// Tells the time of each part of a pass, where somebody wants to know.
  public var clock: StepClock?

  let plan: ActivationPlan
  let recompute: Recompute
  let arena: Buffer
  var products: MatrixProduct
  let attention: Attention
  let rotary: RotaryTable
  let team: ThreadTeam
  /// Inputs [sequences · T], and the token that follows each, negative where that is another document's.
  let inputs: UnsafeMutableBufferPointer<Int32>
  let targets: UnsafeMutablePointer<Int32>
  /// How far each input is from its text's start, [sequences · T].
  let textPositions: UnsafeMutablePointer<Int32>
  /// Where each input's text starts, and the first position whose hidden copies its hidden copies see, [sequences · T].
  let textStarts: UnsafeMutablePointer<Int32>
  let firstVisible: UnsafeMutablePointer<Int32>
  /// Whether a sequence holds several texts that must not see each other.
  var hasDocuments = false
  let trains: Bool

  /// - Parameters:
  ///   - recompute: what is kept for the backward pass.
  ///   - trains: whether there will be a backward pass; without one, far less memory is planned.
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
    attention = Attention(shape.attention, shape.attentionPrecision, copies: shape.largestGroup, on: team)
    rotary = RotaryTable(
      positions: shape.positions, headSize: shape.model.headSize, theta: shape.model.ropeTheta)
    let rows = shape.rowsPerCopy
    inputs = .allocate(capacity: rows)
    inputs.initialize(repeating: 0)
    let places = (0..<4).map { _ in UnsafeMutablePointer<Int32>.allocate(capacity: rows) }
    for place in places { place.initialize(repeating: 0, count: rows) }
    (targets, textPositions, textStarts, firstVisible) = (places[0], places[1], places[2], places[3])
  }

  deinit {
    inputs.deallocate()
    for place in [targets, textPositions, textStarts, firstVisible] { place.deallocate() }
  }

  /// The bytes that a pass of this shape takes.
  public static func bytes(_ shape: PassShape, recompute: Recompute = .none, trains: Bool, threads: Int) -> Int {
    let plan = ActivationPlan(shape, keepsLayers: trains && recompute == .none, training: trains)
    let scratch = Attention.scratchCount(
      shape.attention, shape.attentionPrecision, copies: shape.largestGroup, threads: threads)
    return MemoryLayout<Float>.stride * (plan.count + scratch + shape.positions * shape.model.headSize)
      + MemoryLayout<Int32>.stride * 5 * shape.rowsPerCopy
  }

  /// The rate of the products that a step is made of, operations a second: the median over their shapes, on at most
  /// `tokens` rows, and of the head's outputs no more than make a large product.
  public func measureRate(tokens: Int, seconds: () -> Double) -> Double {
    let (d, q, f) = (model.hiddenSize, model.querySize, model.intermediateSize)
    let rows = min(tokens, shape.rowsPerCopy)
    let maps = [
      (rows, d, q + 2 * model.keyValueSize), (rows, q, d), (rows, d, 2 * f), (rows, f, d),
      (min(rows, shape.headRows), d, min(8192, model.vocabularySize)),
    ]
    return products.measureRate(
      of: maps.map { MatrixProduct.LinearMap(tokens: $0.0, inputs: $0.1, outputs: $0.2) }, seconds: seconds)
  }

  // MARK: places in the arena

  func place(_ offset: Int) -> UnsafeMutablePointer<Float> { arena.pointer + offset }

  /// An fp32 matrix in the arena.
  func matrix(_ offset: Int, rows: Int, columns: Int) -> Matrix {
    matrix(offset, .fp32, rows: rows, columns: columns)
  }

  func matrix(_ offset: Int, _ type: ElementType, rows: Int, columns: Int) -> Matrix {
    Matrix(UnsafeMutableRawPointer(arena.pointer + offset), type, rows: rows, columns: columns)
  }

  /// What the operands and results of a layer's products are kept as.
  var type: ElementType { shape.precision }

  /// A matrix as products take it: itself in fp32; in bf16 a rounded copy, good until the next one is asked for.
  func operand(_ x: Matrix) -> Matrix { rounded(x, at: plan.operand) }

  /// A weight as products take it, likewise.
  func operand(weight: Matrix) -> Matrix { rounded(weight, at: plan.weightOperand) }

  func rounded(_ x: Matrix, at offset: Int) -> Matrix {
    if x.type == type { return x }
    let copy = matrix(offset, type, rows: x.rows, columns: x.columns)
    copy.copy(from: x, on: team)
    return copy
  }

  var model: ModelConfiguration { shape.model }
  var epsilon: Float { Float(model.rmsNormEpsilon) }

  /// The rows of copy K, the last of a matrix with all copies' rows.
  var lastCopy: Range<Int> { shape.rows - shape.rowsPerCopy..<shape.rows }

  /// A layer's input [rows, d]; of the layer after the last, the last one's output [its query rows, d].
  func stream(into layer: Int) -> Matrix {
    let rows = layer == model.layers ? shape.queryRows(layer: layer - 1) : shape.rows
    return matrix(plan.inputs[layer], rows: rows, columns: model.hiddenSize)
  }

  /// The residual stream between attention and FFN.
  func attentionResidual(rows: Int) -> Matrix {
    matrix(plan.attentionResidual, rows: rows, columns: model.hiddenSize)
  }

  /// With norms before attention and FFN: the norm that attention or the FFN reads.
  func normed(rows: Int) -> Matrix { matrix(plan.normed, rows: rows, columns: model.hiddenSize) }

  func normedGradient(rows: Int) -> Matrix { matrix(plan.normedGradient, rows: rows, columns: model.hiddenSize) }

  func activation(rows: Int) -> Matrix {
    matrix(plan.activation, type, rows: rows, columns: model.intermediateSize)
  }

  /// What one layer keeps between its steps.
  func activations(of layer: Int) -> LayerActivations {
    LayerActivations(self, plan.layers[layer], queryRows: shape.queryRows(layer: layer), at: layer)
  }
}

/// The matrices that one layer keeps from its forward for its backward pass.
struct LayerActivations {
  /// Projections of all rows [rows, h·e + 2·g·e]; nil in the last layer, whose queries are of fewer rows.
  let queryKeyValue: Matrix?
  /// [query rows, h·e], before the norm and the rotation; likewise keys and values [rows, g·e].
  let query: Matrix
  /// [rows, 2·g·e].
  let keyValue: Matrix
  /// [query rows, h·e].
  let attentionOutput: Matrix
  let logSumExps: UnsafeMutablePointer<Float>
  /// [query rows, d].
  let projection: Matrix
  /// [query rows, 2f].
  let gateUp: Matrix
  /// [query rows, d].
  let down: Matrix

  init(_ pass: ModelPass, _ plan: ActivationPlan.Layer, queryRows: Int, at layer: Int) {
    let model = pass.model
    let (d, q, kv) = (model.hiddenSize, model.querySize, model.keyValueSize)
    (queryKeyValue, query, keyValue) = LayerActivations.split(
      pass.place(plan.queryKeyValue), pass.shape, layer: layer)
    attentionOutput = pass.matrix(plan.attentionOutput, pass.type, rows: queryRows, columns: q)
    logSumExps = pass.place(plan.logSumExps)
    projection = pass.matrix(plan.projection, pass.type, rows: queryRows, columns: d)
    gateUp = pass.matrix(plan.gateUp, pass.type, rows: queryRows, columns: 2 * model.intermediateSize)
    down = pass.matrix(plan.down, pass.type, rows: queryRows, columns: d)
    keys = keyValue.columns(0..<kv)
    values = keyValue.columns(kv..<2 * kv)
  }

  let keys: Matrix
  let values: Matrix

  /// Queries, keys and values: one matrix, but two in the last layer, whose queries are copy K's alone.
  static func split(
    _ start: UnsafeMutablePointer<Float>, _ shape: PassShape, layer: Int
  ) -> (together: Matrix?, query: Matrix, keyValue: Matrix) {
    let (q, kv) = (shape.model.querySize, shape.model.keyValueSize)
    let start = UnsafeMutableRawPointer(start)
    if shape.isForLastCopy(layer) {
      let query = Matrix(start, shape.precision, rows: shape.rowsPerCopy, columns: q)
      let others = start + shape.rowsPerCopy * q * shape.precision.bytes
      return (nil, query, Matrix(others, shape.precision, rows: shape.rows, columns: 2 * kv))
    }
    let together = Matrix(start, shape.precision, rows: shape.rows, columns: q + 2 * kv)
    return (together, together.columns(0..<q), together.columns(q..<q + 2 * kv))
  }
}
