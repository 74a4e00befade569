import Kernels

/// One layer's tensors as matrices, in a flat buffer of parameters or of gradients.
struct LayerWeights {
  /// [d + 2·g·e, d]: the queries' rows, the keys', the values'.
  let queryKeyValue: Matrix
  let queryNorm: UnsafeMutablePointer<Float>
  let keyNorm: UnsafeMutablePointer<Float>
  /// [d, d].
  let output: Matrix
  let attentionNorm: UnsafeMutablePointer<Float>
  /// [2f, d]: the gate's rows, then the up's.
  let gateUp: Matrix
  /// [d, f].
  let down: Matrix
  let feedForwardNorm: UnsafeMutablePointer<Float>

  private let hiddenSize: Int

  init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout, layer: Int) {
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
  var query: Matrix { queryKeyValue.rows(0..<hiddenSize) }
  /// [2·g·e, d].
  var keyValue: Matrix { queryKeyValue.rows(hiddenSize..<queryKeyValue.rows) }
}

/// The tensors outside the layers, in a flat buffer of parameters or of gradients.
struct OuterWeights {
  /// [V, d].
  let embedding: Matrix
  let norm: UnsafeMutablePointer<Float>
  /// [V, d]; the embedding itself where they are tied.
  let head: Matrix

  init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout) {
    let (rows, columns) = (layout.model.vocabularySize, layout.model.hiddenSize)
    embedding = Matrix(flat + layout.embedding, rows: rows, columns: columns)
    norm = flat + layout.finalNorm
    head = Matrix(flat + layout.head, rows: rows, columns: columns)
  }
}
