import Kernels

/// One layer's tensors as matrices, in a flat buffer of parameters or of gradients.
public struct LayerWeights {
  /// [d + 2·g·e, d]: the queries' rows, the keys', the values'.
  public let queryKeyValue: Matrix
  public let queryNorm: UnsafeMutablePointer<Float>
  public let keyNorm: UnsafeMutablePointer<Float>
  /// [d, d].
  public let output: Matrix
  public let attentionNorm: UnsafeMutablePointer<Float>
  /// [2f, d]: the gate's rows, then the up's.
  public let gateUp: Matrix
  /// [d, f].
  public let down: Matrix
  public let feedForwardNorm: UnsafeMutablePointer<Float>

  private let hiddenSize: Int

  public init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout, layer: Int) {
    let model = layout.model
    let (d, f) = (model.hiddenSize, model.intermediateSize)
    hiddenSize = d
    var next = flat + layout.layerStarts[layer]
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
      defer { next += count }
      return next
    }
    let mixed = d + 2 * model.keyValueSize
    queryKeyValue = Matrix(take(mixed * d), rows: mixed, columns: d)
    queryNorm = take(d)
    keyNorm = take(model.keyValueSize)
    output = Matrix(take(d * d), rows: d, columns: d)
    attentionNorm = take(d)
    gateUp = Matrix(take(2 * f * d), rows: 2 * f, columns: d)
    down = Matrix(take(d * f), rows: d, columns: f)
    feedForwardNorm = take(d)
  }

  /// [d, d].
  public var query: Matrix { queryKeyValue.rows(0..<hiddenSize) }
  /// [2·g·e, d].
  public var keyValue: Matrix { queryKeyValue.rows(hiddenSize..<queryKeyValue.rows) }
}

/// The tensors outside the layers, in a flat buffer of parameters or of gradients.
public struct OuterWeights {
  /// [V, d].
  public let embedding: Matrix
  public let norm: UnsafeMutablePointer<Float>
  /// [V, d]; the embedding itself where they are tied.
  public let head: Matrix

  public init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout) {
    let (rows, columns) = (layout.model.vocabularySize, layout.model.hiddenSize)
    embedding = Matrix(flat + layout.embedding, rows: rows, columns: columns)
    norm = flat + layout.finalNorm
    head = Matrix(flat + layout.head, rows: rows, columns: columns)
  }
}
