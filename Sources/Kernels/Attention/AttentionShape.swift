/// Numbers and size of attention's heads.
public struct HeadShape: Sendable, Equatable {
  public let queryHeads: Int
  public let keyValueHeads: Int
  /// Elements of one head, e; even.
  public let headSize: Int

  public init(queryHeads: Int, keyValueHeads: Int, headSize: Int) {
    precondition(queryHeads % keyValueHeads == 0 && headSize % 2 == 0, "\(queryHeads) heads of \(headSize)")
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headSize = headSize
  }

  /// Query heads that read one kv head.
  public var headsPerKey: Int { queryHeads / keyValueHeads }

  /// ``headSize`` rounded up to whole vectors: the distance between heads in attention's order. The rest is zero.
  public var paddedHeadSize: Int { (headSize + vectorWidth - 1) / vectorWidth * vectorWidth }

  /// log₂(exp 1) / √headSize: queries are multiplied by it, so that softmax uses powers of 2.
  public var queryScale: Float { log2e / Float(headSize).squareRoot() }
}

/// The sizes of attention over whole sequences.
public struct AttentionShape: Sendable {
  /// Sequences in the micro-batch.
  public let sequences: Int
  /// Positions of each sequence.
  public let positions: Int
  public let heads: HeadShape

  public init(sequences: Int, positions: Int, heads: HeadShape) {
    self.sequences = sequences
    self.positions = positions
    self.heads = heads
  }

  var keyValueHeads: Int { heads.keyValueHeads }
  var headSize: Int { heads.headSize }
  var headsPerKey: Int { heads.headsPerKey }
  public var paddedHeadSize: Int { heads.paddedHeadSize }
  public var queryScale: Float { heads.queryScale }

  /// Rows of one copy: sequences · positions.
  public var rowsPerCopy: Int { sequences * positions }
}
