/// The PHD-Transformer in double precision, written to be read and believed, not to be fast: the oracle of other tests.
///
/// Every one of the K·T rows goes through every layer, the mask is dense, nothing is fused, cut short or reused. Rows
/// are ordered [copy][position], see `row(position:copy:positions:)`. A query sums over its visible keys in that order
/// and skips the others, so a row's value depends on its visible keys alone, to the last bit.
///
/// Shapes: T positions, K copies, R = K·T rows, L layers, d hidden, h query heads, g kv heads, e = d/h, f FFN width,
/// V vocabulary.
public struct ReferenceModel: Sendable {
  /// How a block is put together: OLMo 2 norms what attention and FFN give, and queries and keys; Llama norms what
  /// attention and FFN take.
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
    /// Whether the vocabulary head is the embedding.
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

    /// Every parameter in the order in which data meets it, with its shape: [out, in] for a matrix, [size] for a norm.
    /// `lm_head.weight` is missing where the embeddings are tied.
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

  /// Name → values, row-major, shapes and names as in `Dimensions.parameterShapes`.
  public var weights: [String: [Double]]

  /// - Precondition: `weights` holds exactly the parameters of `dimensions`, each of its size.
  public init(dimensions: Dimensions, pattern: ReferencePattern, weights: [String: [Double]]) {
    precondition(dimensions.hiddenSize % (2 * dimensions.heads) == 0, "a head has an even, whole size")
    precondition(dimensions.heads % dimensions.keyValueHeads == 0, "kv heads divide query heads")
    let shapes = dimensions.parameterShapes
    precondition(Set(weights.keys) == Set(shapes.map(\.name)), "weights are those of the dimensions, by name")
    for (name, shape) in shapes {
      precondition(weights[name]?.count == shape.reduce(1, *), "\(name) has shape \(shape)")
    }
    self.dimensions = dimensions
    self.pattern = pattern
    self.weights = weights
  }

  /// K.
  public var repeats: Int { pattern.repeats }

  /// Where (position n, copy j) lies among the K·T rows: (j − 1)·T + n.
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

  /// The name of Whead: the embedding's where it is tied.
  var headName: String { dimensions.tieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight" }
}
