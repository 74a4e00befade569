import Kernels

/// Matrix views of one layer's tensors in a flat buffer of parameters or of gradients.
public struct LayerWeights {
  /// [h·e + 2·g·e, d]: rows of queries, then keys, then values.
  public let queryKeyValue: Matrix
  /// [h·e] and [g·e]; nil if there is no QK norm.
  public let queryNorm: UnsafeMutablePointer<Float>?
  public let keyNorm: UnsafeMutablePointer<Float>?
  /// [d, h·e].
  public let output: Matrix
  /// The norm of attention's output (OLMo 2) or input (Llama), [d].
  public let attentionNorm: UnsafeMutablePointer<Float>
  /// [2f, d]: rows of gate, then up.
  public let gateUp: Matrix
  /// [d, f].
  public let down: Matrix
  /// The norm of the FFN's output (OLMo 2) or input (Llama), [d].
  public let feedForwardNorm: UnsafeMutablePointer<Float>

  private let querySize: Int

  public init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout, layer: Int) {
    let model = layout.model
    let (d, q, f) = (model.hiddenSize, model.querySize, model.intermediateSize)
    querySize = q
    let offsets = layout.layerOffsets[layer]
    func optional(_ role: ParameterTensor.Role) -> UnsafeMutablePointer<Float>? { offsets[role].map { flat + $0 } }
    func required(_ role: ParameterTensor.Role) -> UnsafeMutablePointer<Float> {
      guard let start = optional(role) else { preconditionFailure("layer \(layer) has no \(role)") }
      return start
    }
    // Query, key and value are adjacent in the buffer, and so are gate and up.
    queryKeyValue = Matrix(required(.query), rows: q + 2 * model.keyValueSize, columns: d)
    queryNorm = optional(.queryNorm)
    keyNorm = optional(.keyNorm)
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

/// Matrix views of the tensors outside the layers in a flat buffer of parameters or of gradients.
public struct OuterWeights {
  /// [V, d].
  public let embedding: Matrix
  /// The final norm, [d].
  public let norm: UnsafeMutablePointer<Float>
  /// [V, d]; the embedding if the two are tied.
  public let head: Matrix

  public init(_ flat: UnsafeMutablePointer<Float>, _ layout: ParameterLayout) {
    let (rows, columns) = (layout.model.vocabularySize, layout.model.hiddenSize)
    embedding = Matrix(flat + layout.embeddingOffset, rows: rows, columns: columns)
    norm = flat + layout.finalNormOffset
    head = Matrix(flat + layout.headOffset, rows: rows, columns: columns)
  }
}
