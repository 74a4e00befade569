/// The PHD-Transformer in double precision, written for simplicity, not speed: the reference of other tests.
///
/// All K·T rows pass through all layers with a dense mask; nothing is fused, skipped or reused. Rows are ordered
/// [copy][position], see `row(position:copy:positions:)`. A query sums over its visible keys in that order and skips
/// invisible ones, so a row depends only on its visible keys, bit for bit.
///
/// Shapes: T positions, K copies, R = K·T rows, L layers, d hidden, h query heads, g kv heads, e = d/h, f FFN width,
/// V vocabulary.
public struct ReferenceModel: Sendable {
  /// The placement of norms: OLMo 2 normalizes the outputs of attention and FFN, and queries and keys; Llama normalizes
  /// the inputs of attention and FFN.
  public enum Architecture: String, Sendable, CaseIterable {
    case olmo2
    case llama
  }

  public struct Dimensions: Sendable, Hashable {
    public var architecture: Architecture
    /// V.
    public var vocabularySize: Int
    /// d, a multiple of 2h.
    public var hiddenSize: Int
    /// f.
    public var intermediateSize: Int
    /// L.
    public var layers: Int
    /// h.
    public var heads: Int
    /// g, a divisor of h.
    public var keyValueHeads: Int
    /// θ.
    public var ropeTheta: Double
    public var rmsNormEpsilon: Double
    /// Whether the head uses the embedding as its weight.
    public var tieWordEmbeddings: Bool

    public init(
      architecture: Architecture = .olmo2, vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layers: Int,
      heads: Int, keyValueHeads: Int,
      ropeTheta: Double = 500_000, rmsNormEpsilon: Double = 1e-6, tieWordEmbeddings: Bool = false
    ) {
      self.architecture = architecture
      self.vocabularySize = vocabularySize
      self.hiddenSize = hiddenSize
      self.intermediateSize = intermediateSize
      self.layers = layers
      self.heads = heads
      self.keyValueHeads = keyValueHeads
      self.ropeTheta = ropeTheta
      self.rmsNormEpsilon = rmsNormEpsilon
      self.tieWordEmbeddings = tieWordEmbeddings
    }

    /// e = d/h.
    public var headSize: Int { hiddenSize / heads }

    /// g·e, the width of keys and values.
    public var keyValueSize: Int { keyValueHeads * headSize }

    /// Every parameter with its shape, in the order of the forward pass: [out, in] for a matrix, [size] for a norm.
    /// `lm_head.weight` is missing if the embeddings are tied.
    public var parameterShapes: [(name: String, shape: [Int])] {
      var shapes: [(name: String, shape: [Int])] = [("model.embed_tokens.weight", [vocabularySize, hiddenSize])]
      for layer in 0..<layers {
        let prefix = "model.layers.\(layer)."
        if architecture == .llama { shapes.append((prefix + "input_layernorm.weight", [hiddenSize])) }
        shapes += [
          (prefix + "self_attn.q_proj.weight", [hiddenSize, hiddenSize]),
          (prefix + "self_attn.k_proj.weight", [keyValueSize, hiddenSize]),
          (prefix + "self_attn.v_proj.weight", [keyValueSize, hiddenSize]),
          (prefix + "self_attn.o_proj.weight", [hiddenSize, hiddenSize]),
        ]
        if architecture == .olmo2 {
          shapes.append((prefix + "self_attn.q_norm.weight", [hiddenSize]))
          shapes.append((prefix + "self_attn.k_norm.weight", [keyValueSize]))
        }
        shapes += [
          (prefix + "post_attention_layernorm.weight", [hiddenSize]),
          (prefix + "mlp.gate_proj.weight", [intermediateSize, hiddenSize]),
          (prefix + "mlp.up_proj.weight", [intermediateSize, hiddenSize]),
          (prefix + "mlp.down_proj.weight", [hiddenSize, intermediateSize]),
        ]
        if architecture == .olmo2 { shapes.append((prefix + "post_feedforward_layernorm.weight", [hiddenSize])) }
      }
      shapes.append(("model.norm.weight", [hiddenSize]))
      if !tieWordEmbeddings {
        shapes.append(("lm_head.weight", [vocabularySize, hiddenSize]))
      }
      return shapes
    }
  }

  public let dimensions: Dimensions
  public let pattern: ReferencePattern

  /// The values of each parameter by name, row-major, with names and shapes as in `Dimensions.parameterShapes`.
  public var weights: [String: [Double]]

  /// - Precondition: `weights` contains exactly the parameters of `dimensions`, each with its size.
  public init(dimensions: Dimensions, pattern: ReferencePattern, weights: [String: [Double]]) {
    precondition(dimensions.hiddenSize % (2 * dimensions.heads) == 0, "the head size must be an even integer")
    precondition(
      dimensions.heads % dimensions.keyValueHeads == 0,
      "the number of query heads must be a multiple of the number of kv heads")
    let shapes = dimensions.parameterShapes
    precondition(
      Set(weights.keys) == Set(shapes.map(\.name)), "weights must have the names of the dimensions' parameters")
    for (name, shape) in shapes {
      precondition(weights[name]?.count == shape.reduce(1, *), "\(name) must have the shape \(shape)")
    }
    self.dimensions = dimensions
    self.pattern = pattern
    self.weights = weights
  }

  /// K.
  public var repeats: Int { pattern.repeats }

  /// The row of (position n, copy j): (j − 1)·T + n.
  public static func row(position n: Int, copy j: Int, positions: Int) -> Int { (j - 1) * positions + n }

  /// The parameter as a matrix [out, in]; a norm's weight as [1, size].
  func weight(_ name: String) -> Matrix {
    guard let values = weights[name] else { preconditionFailure("no parameter \(name)") }
    let columns =
      if name.hasSuffix("norm.weight") {
        values.count
      } else if name.hasSuffix("down_proj.weight") {
        dimensions.intermediateSize
      } else {
        dimensions.hiddenSize
      }
    return Matrix(rows: values.count / columns, columns: columns, values: values)
  }

  /// The name of the head's weight: the embedding's if the two are tied.
  var headName: String { dimensions.tieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight" }
}
