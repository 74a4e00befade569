/// The heads of attention.
public struct HeadShape: Sendable, Equatable {
  public let queryHeads: Int
  public let keyValueHeads: Int
  /// Floats of one head, even.
  public let headSize: Int

  public init(queryHeads: Int, keyValueHeads: Int, headSize: Int) {
    precondition(queryHeads % keyValueHeads == 0 && headSize % 2 == 0, "\(queryHeads) heads of \(headSize)")
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headSize = headSize
  }

  /// Query heads that read one kv head.
  public var headsPerKey: Int { queryHeads / keyValueHeads }

  /// ``headSize`` in whole vectors: how far heads lie apart in attention's own order, filled up with zeros.
  public var paddedHeadSize: Int { (headSize + vectorWidth - 1) / vectorWidth * vectorWidth }

  /// Queries are multiplied by this when they are laid out: 1/√e, and log₂ e, so that softmax is made of powers of 2.
  public var queryScale: Float { log2e / Float(headSize).squareRoot() }
}

/// The sizes that attention over whole sequences works with.
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
