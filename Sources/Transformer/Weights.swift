import Kernels

/// One layer's tensors as matrices, in a flat buffer of parameters or of gradients.
public struct LayerWeights {
  /// [h·e + 2·g·e, d]: the queries' rows, the keys', the values'.
  public let queryKeyValue: Matrix
  /// [h·e] and [g·e]; nil without a QK norm.
  public let queryNorm: UnsafeMutablePointer<Float>?
  public let keyNorm: UnsafeMutablePointer<Float>?
  /// [d, h·e].
  public let output: Matrix
  /// Of what attention gives or, in a Llama, takes, [d]; likewise the FFN's.
  public let attentionNorm: UnsafeMutablePointer<Float>
  /// [2f, d]: the gate's rows, then the up's.
  public let gateUp: Matrix
  /// [d, f].
  public let down: Matrix
  public let feedForwardNorm: UnsafeMutablePointer<Float>

  private let querySize: Int

  public init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout, layer: Int) {
    let model = layout.model
    let (d, q, f) = (model.hiddenSize, model.querySize, model.intermediateSize)
    querySize = q
    let places = layout.layers[layer]
    func place(_ role: ParameterTensor.Role) -> UnsafeMutablePointer<Float>? { places[role].map { flat + $0 } }
    func required(_ role: ParameterTensor.Role) -> UnsafeMutablePointer<Float> {
      guard let place = place(role) else { preconditionFailure("layer \(layer) has no \(role)") }
      return place
    }
    // Queries', keys' and values' rows lie one after another, and so do gate's and up's.
    queryKeyValue = Matrix(required(.query), rows: q + 2 * model.keyValueSize, columns: d)
    queryNorm = place(.queryNorm)
    keyNorm = place(.keyNorm)
    output = Matrix(required(.attentionOutput), rows: d, columns: q)
    attentionNorm = required(.attentionNorm)
    gateUp = Matrix(required(.gate), rows: 2 * f, columns: d)
    down = Matrix(required(.down), rows: d, columns: f)
    feedForwardNorm = required(.feedForwardNorm)
  }

  /// [h·e, d].
  public var query: Matrix { queryKeyValue.rows(0..<querySize) }
  /// [2·g·e, d].
  public var keyValue: Matrix { queryKeyValue.rows(querySize..<queryKeyValue.rows) }
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
