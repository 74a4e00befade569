import Kernels

/// Whether a block's activations are kept for the backward pass or computed again there.
public enum Recompute: String, Sendable, CaseIterable {
  /// Everything that the backward pass needs is kept.
  case none
  /// Only each block's input is kept; a block's forward runs again before its backward. The bits are the same.
  case block
}

/// The shape of one micro-batch's pass through the model.
public struct PassShape: Sendable, Equatable {
  public let model: ModelConfiguration
  public let hiddenDecoding: HiddenDecoding
  /// Sequences of the micro-batch.
  public let sequences: Int
  /// T.
  public let positions: Int
  /// What the products' operands and results are kept as. The residual stream, sums, norms and softmax are fp32.
  public let precision: ElementType
  /// What attention's own products take: bf16 only where the processor multiplies it.
  public let attentionPrecision: ElementType
  /// Whether the last layer computes all copies, not copy K alone: to see what each of them would predict.
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
    self.attentionPrecision = attentionPrecision ?? (Processor.builtWithBF16 ? precision : .fp32)
    self.everyCopy = everyCopy
  }

  /// Rows of one copy.
  public var rowsPerCopy: Int { sequences * positions }
  /// Rows of the residual stream, ordered [copy][sequence][position].
  public var rows: Int { hiddenDecoding.repeats * rowsPerCopy }

  /// Rows that query, and go through the FFN, in a layer: in the last one copy K's alone.
  func queryRows(layer: Int) -> Int { isForLastCopy(layer) ? rowsPerCopy : rows }

  /// Whether a layer gives copy K alone: nobody asks for the others after the last.
  func isForLastCopy(_ layer: Int) -> Bool { layer == model.layers - 1 && !everyCopy }

  var attention: AttentionShape {
    AttentionShape(sequences: sequences, positions: positions, heads: model.heads)
  }

  /// Floats of a row's queries, and of its keys, in attention's order.
  var paddedQueryColumns: Int { model.queryHeads * attention.paddedHeadSize }
  var paddedKeyColumns: Int { model.keyValueHeads * attention.paddedHeadSize }

  func keyPanels(_ group: CopyGroup) -> KeyPanels { KeyPanels(attention, attentionPrecision, copies: group.count) }

  /// Copies in the largest group.
  var largestGroup: Int { hiddenDecoding.groups.map(\.count).max() ?? 1 }

  /// Rows of the head that are in work at once: their logits are held, [rows, V], and no others.
  ///
  /// 128 MiB of them where V is large: the head's weights and their gradient, [V, d], are gone through for each slice.
  var headRows: Int { min(rowsPerCopy, max(128, min(1024, (1 << 25) / model.vocabularySize / 32 * 32))) }
}

/// Where each tensor of a pass lies in one allocation, known from the configuration alone.
struct ActivationPlan {
  /// What one layer keeps, as offsets into the arena.
  struct Layer {
    var queryKeyValue = 0
    var attentionOutput = 0
    var logSumExps = 0
    var projection = 0
    var gateUp = 0
    var down = 0
  }

  private(set) var count = 0
  private let precision: ElementType
  /// Each layer's input [rows, d], and after the last the last one's output [its query rows, d].
  private(set) var inputs: [Int] = []
  private(set) var layers: [Layer] = []
  private(set) var headInput = 0
  private(set) var losses = 0
  private(set) var headLogSumExps = 0
  /// The residual stream between attention and FFN; in the backward pass later the attention output's gradient.
  private(set) var attentionResidual = 0
  private(set) var stream = 0
  /// In a Llama: the norm that attention or the FFN takes, and its gradient.
  private(set) var normed = 0
  private(set) var normedGradient = 0
  /// bf16 copies of fp32 operands: of rows, of a layer's weight, of the head's.
  private(set) var operand = 0
  private(set) var weightOperand = 0
  private(set) var headOperand = 0
  private(set) var sums = 0
  // Scratch that is never in use at the same time: the FFN's, attention's, the head's.
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
  /// That of a slice's logits, in bf16.
  private(set) var logitGradient = 0
  private(set) var headGradient = 0

  /// - Parameter keepsLayers: whether every layer's activations are kept, or one layer's at a time.
  init(_ shape: PassShape, keepsLayers: Bool, training: Bool) {
    let (d, f) = (shape.model.hiddenSize, shape.model.intermediateSize)
    let (q, kv) = (shape.model.querySize, shape.model.keyValueSize)
    let rows = shape.rows
    precision = shape.precision
    for layer in 0..<shape.model.layers {
      inputs.append(training || layer < 2 ? take(rows * d) : inputs[layer - 2])
    }
    inputs.append(take(shape.queryRows(layer: shape.model.layers - 1) * d))
    let isPreNorm = shape.model.architecture.normPlacement == .beforeSublayer
    if isPreNorm {
      normed = take(rows * d)
      normedGradient = take(rows * d)
    }
    for index in 0..<shape.model.layers {
      if index > 0 && !keepsLayers {
        layers.append(layers[0])
        continue
      }
      // Where one layer's place serves all, it is the largest's: the first layer's, unless it is the only one.
      let queryRows = shape.queryRows(layer: index)
      var layer = Layer()
      layer.queryKeyValue = takeOperand(queryRows * q + rows * 2 * kv)
      layer.attentionOutput = takeOperand(queryRows * q)
      layer.logSumExps = take(queryRows * shape.model.queryHeads)
      layer.projection = takeOperand(queryRows * d)
      layer.gateUp = takeOperand(queryRows * 2 * f)
      // Where it is added to the stream as it is, nobody asks for it again.
      layer.down = isPreNorm ? normedGradient : takeOperand(queryRows * d)
      layers.append(layer)
    }
    headInput = take(shape.rowsPerCopy * d)
    losses = take(shape.rowsPerCopy)
    headLogSumExps = take(shape.rowsPerCopy)
    attentionResidual = take(rows * max(d, q))
    if training {
      stream = take(rows * d)
      sums = take(RowSums.scratchCount(rows: rows, columns: max(d, q)))
    }
    if precision != .fp32 {
      operand = takeOperand(rows * d)
      weightOperand = takeOperand(d * max(2 * f, q + 2 * kv))
    }

    let scratch = count
    activation = takeOperand(rows * f)
    let afterFeedForward = count
    count = scratch
    let (queryColumns, keyColumns) = (shape.paddedQueryColumns, shape.paddedKeyColumns)
    let panels = shape.hiddenDecoding.groups.reduce(0) { $0 + shape.keyPanels($1).count }
    queries = take(rows * queryColumns, shape.attentionPrecision)
    if training {
      // A block's queries are read for the last time before their gradients are written.
      queryGradients = shape.attentionPrecision == .fp32 ? queries : take(rows * queryColumns)
      keyGradients = take(rows * keyColumns)
      valueGradients = take(rows * keyColumns)
    }
    let attentionOnly = count
    keys = take(rows * keyColumns, shape.attentionPrecision)
    values = take(rows * keyColumns, shape.attentionPrecision)
    keyPanels = take(panels)
    interleaved = take(shape.hiddenDecoding.groups.reduce(0) { $0 + shape.keyPanels($1).interleavedCount })
    if training { valuePanels = take(panels) }
    var afterAttention = count
    if training {
      // Where attention's operands were: its gradients are back in the projection's order after it.
      count = attentionOnly
      queryKeyValueGradients = takeOperand(rows * (q + 2 * kv))
      afterAttention = max(afterAttention, count)
    }
    count = scratch
    logits = take(shape.headRows * shape.model.vocabularySize)
    if training { headGradient = take(shape.rowsPerCopy * d) }
    if precision != .fp32 {
      headOperand = takeOperand(shape.model.vocabularySize * d)
      if training { logitGradient = takeOperand(shape.headRows * shape.model.vocabularySize) }
    }
    count = max(count, afterAttention, afterFeedForward)
  }

  /// Room for `size` elements of a product's operand.
  private mutating func takeOperand(_ size: Int) -> Int { take(size, precision) }

  private mutating func take(_ size: Int, _ type: ElementType) -> Int { take((size * type.bytes + 3) / 4) }

  /// `size` floats from the next cache line on.
  private mutating func take(_ size: Int) -> Int {
    defer { count += (size + 15) / 16 * 16 }
    return count
  }
}
