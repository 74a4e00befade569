import Kernels

/// Whether activations are kept for the backward pass or computed again there.
public enum Recompute: String, Sendable, CaseIterable {
  /// All activations that the backward pass needs are kept.
  case none
  /// Only each block's input is kept. The block's forward pass runs again before its backward pass, with identical
  /// results.
  case block
}

/// The shape of one micro-batch's pass through the model.
public struct PassShape: Sendable, Equatable {
  public let model: ModelConfiguration
  public let hiddenDecoding: HiddenDecoding
  /// The number of sequences in the micro-batch.
  public let sequences: Int
  /// T: tokens of a sequence, not counting copies.
  public let positions: Int
  /// The type of the operands and results of matrix products. The residual stream, sums, norms and softmax are fp32.
  public let precision: ElementType
  /// The type of the operands of attention's own products; by default bf16 only if the kernels multiply bf16.
  public let attentionPrecision: ElementType
  /// Whether the last layer computes all copies instead of copy K only, to inspect each copy's prediction.
  public let everyCopy: Bool

  public init(
    model: ModelConfiguration, hiddenDecoding: HiddenDecoding, sequences: Int, positions: Int,
    precision: ElementType = .fp32, attentionPrecision: ElementType? = nil, everyCopy: Bool = false
  ) {
    self.model = model
    self.hiddenDecoding = hiddenDecoding
    self.sequences = sequences
    self.positions = positions
    self.precision = precision
    self.attentionPrecision = attentionPrecision ?? (kernels.multipliesBF16 ? precision : .fp32)
    self.everyCopy = everyCopy
  }

  /// The number of rows of one copy.
  public var rowsPerCopy: Int { sequences * positions }
  /// The number of rows of the residual stream, ordered [copy][sequence][position].
  public var rows: Int { hiddenDecoding.repeats * rowsPerCopy }

  /// The number of rows with queries in a layer, which also pass the FFN: in the last layer those of copy K only.
  func queryRows(layer: Int) -> Int { computesLastCopyOnly(layer) ? rowsPerCopy : rows }

  /// Whether a layer's output is needed for copy K only, which is so in the last layer.
  func computesLastCopyOnly(_ layer: Int) -> Bool { layer == model.layers - 1 && !everyCopy }

  var attention: AttentionShape {
    AttentionShape(sequences: sequences, positions: positions, heads: model.heads)
  }

  /// Elements of one row's queries, and of its keys, in head-major order, which pads heads.
  var paddedQueryColumns: Int { model.queryHeads * attention.paddedHeadSize }
  var paddedKeyColumns: Int { model.keyValueHeads * attention.paddedHeadSize }

  func keyPanels(_ group: CopyGroup) -> KeyPanels { KeyPanels(attention, attentionPrecision, copies: group.count) }

  /// The number of copies in the largest group.
  var largestGroup: Int { hiddenDecoding.groups.map(\.count).max() ?? 1 }

  /// The number of rows whose logits [rows, V] are in memory at a time.
  ///
  /// 128 MiB of logits if V is large, because every slice of rows reads the head's weight and its gradient, [V, d],
  /// once.
  var headRows: Int { min(rowsPerCopy, max(128, min(1024, (1 << 25) / model.vocabularySize / 32 * 32))) }
}

/// The offset of each activation and scratch buffer of a pass in one allocation, in floats.
///
/// It depends on the configuration only.
struct ActivationPlan {
  /// The offsets of ``LayerActivations``.
  struct LayerOffsets {
    var queryKeyValue = 0
    var attentionOutput = 0
    var logSumExps = 0
    var projection = 0
    var gateUp = 0
    var down = 0
  }

  /// Floats of the whole allocation.
  private(set) var count = 0
  private let precision: ElementType
  /// The residual stream into each layer [rows, d], and out of the last layer [query rows, d]: L + 1 elements.
  private(set) var inputs: [Int] = []
  private(set) var layers: [LayerOffsets] = []
  private(set) var headInput = 0
  private(set) var losses = 0
  private(set) var headLogSumExps = 0
  /// The residual stream between attention and FFN; later in the backward pass the gradient of attention's output.
  private(set) var attentionResidual = 0
  /// The gradient of the residual stream.
  private(set) var stream = 0
  /// With norms before attention and FFN (Llama): the normalized rows that these read, and their gradient.
  private(set) var normed = 0
  private(set) var normedGradient = 0
  /// bf16 copies of fp32 operands of products: of rows, of a layer's weight, of the head's weight.
  private(set) var roundedRows = 0
  private(set) var roundedWeight = 0
  private(set) var roundedHeadWeight = 0
  /// Scratch buffer of sums over rows, for the gradients of norms' weights.
  private(set) var sums = 0
  // The scratch buffers of FFN, attention and head share memory, because they are never in use at the same time.
  private(set) var activation = 0
  private(set) var queries = 0
  private(set) var keys = 0
  private(set) var values = 0
  private(set) var keyPanels = 0
  private(set) var valuePanels = 0
  private(set) var interleaved = 0
  private(set) var queryGradients = 0
  private(set) var keyGradients = 0
  private(set) var valueGradients = 0
  private(set) var queryKeyValueGradients = 0
  private(set) var logits = 0
  /// The gradient of a slice's logits, in bf16.
  private(set) var logitGradient = 0
  private(set) var headGradient = 0

  /// - Parameters:
  ///   - keepsLayers: whether the activations of all layers are kept; otherwise all layers share one layer's memory.
  ///   - training: whether there is a backward pass.
  init(_ shape: PassShape, keepsLayers: Bool, training: Bool) {
    let (d, f) = (shape.model.hiddenSize, shape.model.intermediateSize)
    let (q, kv) = (shape.model.querySize, shape.model.keyValueSize)
    let rows = shape.rows
    precision = shape.precision
    for layer in 0..<shape.model.layers {
      inputs.append(training || layer < 2 ? reserve(rows * d) : inputs[layer - 2])
    }
    inputs.append(reserve(shape.queryRows(layer: shape.model.layers - 1) * d))
    let isPreNorm = shape.model.architecture.normPlacement == .beforeSublayer
    if isPreNorm {
      normed = reserve(rows * d)
      normedGradient = reserve(rows * d)
    }
    for index in 0..<shape.model.layers {
      if index > 0 && !keepsLayers {
        layers.append(layers[0])
        continue
      }
      // If all layers share this memory, it is large enough for each, because no layer has more query rows than the
      // first.
      let queryRows = shape.queryRows(layer: index)
      var layer = LayerOffsets()
      layer.queryKeyValue = reserveOperand(queryRows * q + rows * 2 * kv)
      layer.attentionOutput = reserveOperand(queryRows * q)
      layer.logSumExps = reserve(queryRows * shape.model.queryHeads)
      layer.projection = reserveOperand(queryRows * d)
      layer.gateUp = reserveOperand(queryRows * 2 * f)
      // With norms before the sublayers the backward pass does not need the FFN's output.
      layer.down = isPreNorm ? normedGradient : reserveOperand(queryRows * d)
      layers.append(layer)
    }
    headInput = reserve(shape.rowsPerCopy * d)
    losses = reserve(shape.rowsPerCopy)
    headLogSumExps = reserve(shape.rowsPerCopy)
    attentionResidual = reserve(rows * max(d, q))
    if training {
      stream = reserve(rows * d)
      sums = reserve(RowSums.scratchCount(rows: rows, columns: max(d, q)))
    }
    if precision != .fp32 {
      roundedRows = reserveOperand(rows * d)
      roundedWeight = reserveOperand(d * max(2 * f, q + 2 * kv))
    }

    let scratch = count
    activation = reserveOperand(rows * f)
    let afterFeedForward = count
    count = scratch
    let (queryColumns, keyColumns) = (shape.paddedQueryColumns, shape.paddedKeyColumns)
    let panels = shape.hiddenDecoding.groups.reduce(0) { $0 + shape.keyPanels($1).count }
    queries = reserve(rows * queryColumns, shape.attentionPrecision)
    if training {
      // Attention reads a block of queries for the last time before it writes their gradients.
      queryGradients = shape.attentionPrecision == .fp32 ? queries : reserve(rows * queryColumns)
      keyGradients = reserve(rows * keyColumns)
      valueGradients = reserve(rows * keyColumns)
    }
    let attentionOnly = count
    keys = reserve(rows * keyColumns, shape.attentionPrecision)
    values = reserve(rows * keyColumns, shape.attentionPrecision)
    keyPanels = reserve(panels)
    interleaved = reserve(shape.hiddenDecoding.groups.reduce(0) { $0 + shape.keyPanels($1).interleavedCount })
    if training { valuePanels = reserve(panels) }
    var afterAttention = count
    if training {
      // Overwrites attention's operands, which are not needed once the gradients are in the projections' order.
      count = attentionOnly
      queryKeyValueGradients = reserveOperand(rows * (q + 2 * kv))
      afterAttention = max(afterAttention, count)
    }
    count = scratch
    logits = reserve(shape.headRows * shape.model.vocabularySize)
    if training { headGradient = reserve(shape.rowsPerCopy * d) }
    if precision != .fp32 {
      roundedHeadWeight = reserveOperand(shape.model.vocabularySize * d)
      if training { logitGradient = reserveOperand(shape.headRows * shape.model.vocabularySize) }
    }
    count = max(count, afterAttention, afterFeedForward)
  }

  /// Reserves `size` elements of the type of product operands, and returns their offset.
  private mutating func reserveOperand(_ size: Int) -> Int { reserve(size, precision) }

  private mutating func reserve(_ size: Int, _ type: ElementType) -> Int { reserve((size * type.bytes + 3) / 4) }

  /// Reserves `size` floats, rounded up to whole cache lines, and returns their offset.
  private mutating func reserve(_ size: Int) -> Int {
    defer { count += (size + 15) / 16 * 16 }
    return count
  }
}
