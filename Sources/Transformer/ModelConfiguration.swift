import Kernels

/// A model's architecture and sizes, and the distribution of its initial weights.
public struct ModelConfiguration: Sendable, Equatable {
  public var architecture: Architecture
  /// V: token ids are less than it.
  public var vocabularySize: Int
  /// d: the width of the residual stream.
  public var hiddenSize: Int
  /// f: the width of the feed-forward layer.
  public var intermediateSize: Int
  /// L: transformer blocks.
  public var layers: Int
  /// h: query heads.
  public var queryHeads: Int
  /// g: kv heads, each shared by h / g query heads.
  public var keyValueHeads: Int
  /// θ of the rotary angles.
  public var ropeTheta: Double
  /// ε of every RMSNorm.
  public var rmsNormEpsilon: Double
  /// σ of the initial weights.
  public var initializerRange: Double
  /// Whether the head uses the embedding as its weight.
  public var tieWordEmbeddings: Bool

  public init(
    architecture: Architecture = .olmo2, vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layers: Int,
    queryHeads: Int, keyValueHeads: Int, ropeTheta: Double = 500_000, rmsNormEpsilon: Double = 1e-6,
    initializerRange: Double = 0.02, tieWordEmbeddings: Bool = false
  ) {
    self.architecture = architecture
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layers = layers
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.ropeTheta = ropeTheta
    self.rmsNormEpsilon = rmsNormEpsilon
    self.initializerRange = initializerRange
    self.tieWordEmbeddings = tieWordEmbeddings
  }

  public var heads: HeadShape {
    HeadShape(queryHeads: queryHeads, keyValueHeads: keyValueHeads, headSize: headSize)
  }

  /// e = d / h.
  public var headSize: Int { hiddenSize / queryHeads }
  /// Columns of one row's queries: h · e.
  public var querySize: Int { queryHeads * headSize }
  /// Columns of one row's keys, and of its values: g · e.
  public var keyValueSize: Int { keyValueHeads * headSize }

  /// Why these sizes are invalid, in a message that names the configuration's keys; nil if they are valid.
  public var validationError: String? {
    if hiddenSize % queryHeads != 0 {
      return "hidden_size (\(hiddenSize)) must be a multiple of num_attention_heads (\(queryHeads))"
    }
    if queryHeads % keyValueHeads != 0 {
      return "num_attention_heads (\(queryHeads)) must be a multiple of num_key_value_heads (\(keyValueHeads))"
    }
    if headSize % 2 != 0 {
      return "a head's size, hidden_size / num_attention_heads (\(headSize)), must be even for the rotary embedding"
    }
    if approximateParameters > 0x1p42 {
      return "vocab_size (\(vocabularySize)), hidden_size (\(hiddenSize)), intermediate_size (\(intermediateSize)) and "
        + "num_hidden_layers (\(layers)) make \(approximateParameters) parameters, more than 2^42: make them smaller"
    }
    return nil
  }

  /// An upper bound of the number of parameters (it may count a few norms too many), as a `Double` so that it cannot
  /// overflow.
  public var approximateParameters: Double {
    let (d, f) = (Double(hiddenSize), Double(intermediateSize))
    let (q, kv) = (Double(querySize), Double(keyValueSize))
    let blocks = Double(layers) * (2 * q * d + 2 * kv * d + 3 * f * d + 2 * d + q + kv)
    return blocks + 2 * Double(vocabularySize) * d + d
  }
}
