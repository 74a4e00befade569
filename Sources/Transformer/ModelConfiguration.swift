import Kernels

/// How a block is put together.
public enum Architecture: String, Sendable, CaseIterable {
  /// OLMo 2 (arXiv 2501.00656): what attention and FFN give is normed and then added to the stream; queries and keys are
  /// normed before they are rotated.
  case olmo2
  /// Llama (arXiv 2302.13971): what attention and FFN take is normed; what they give is added as it is.
  case llama
}

/// What a model is: how its blocks are put together, its sizes, and what it is initialised with.
public struct ModelConfiguration: Sendable, Equatable {
  public var architecture: Architecture
  /// V: ids of tokens are below it.
  public var vocabularySize: Int
  /// d: the width of the residual stream.
  public var hiddenSize: Int
  /// f: the width of the feed-forward layer.
  public var intermediateSize: Int
  /// L.
  public var layers: Int
  /// h.
  public var queryHeads: Int
  /// g: kv heads, each read by h / g query heads.
  public var keyValueHeads: Int
  /// θ of the rotary angles.
  public var ropeTheta: Double
  /// ε of every RMSNorm.
  public var rmsNormEpsilon: Double
  /// σ of the initial weights.
  public var initializerRange: Double
  /// Whether the head's weight is the embedding.
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
  /// Columns of one row's keys: g · e, and of its values as many.
  public var keyValueSize: Int { keyValueHeads * headSize }

  /// What makes these sizes impossible, in words that name the keys of a configuration; nil where nothing does.
  public var fault: String? {
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

  /// How many parameters these sizes make, in a number that no size overflows; a few norms too many.
  public var approximateParameters: Double {
    let (d, f, kv) = (Double(hiddenSize), Double(intermediateSize), Double(keyValueSize))
    let blocks = Double(layers) * (2 * d * d + 2 * kv * d + 3 * f * d + 3 * d + kv)
    return blocks + 2 * Double(vocabularySize) * d + d
  }
}
