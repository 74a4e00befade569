/// The numbers and the size of attention's heads.
public struct HeadShape: Sendable, Equatable {
  public let queryHeads: Int
  public let keyValueHeads: Int
  /// The number of elements of one head, e; even.
  public let headSize: Int

  public init(queryHeads: Int, keyValueHeads: Int, headSize: Int) {
    precondition(queryHeads % keyValueHeads == 0 && headSize % 2 == 0, "\(queryHeads) heads of \(headSize)")
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headSize = headSize
  }

  /// The number of query heads that read one kv head.
  public var headsPerKey: Int { queryHeads / keyValueHeads }

  /// ``headSize`` rounded up to a multiple of ``vectorWidth``: the number of elements from one head to the next in
  /// head-major order (see ``HeadLayout``). The elements beyond ``headSize`` are zero.
  public var paddedHeadSize: Int { (headSize + vectorWidth - 1) / vectorWidth * vectorWidth }

  /// log₂ e / √headSize, with Euler's number e: queries are multiplied by it, so that softmax uses powers of 2.
  public var queryScale: Float { log2e / Float(headSize).squareRoot() }
}

/// The sizes of attention over whole sequences.
public struct AttentionShape: Sendable {
  /// The number of sequences in the micro-batch.
  public let sequences: Int
  /// The number of positions of each sequence.
  public let positions: Int
  public let heads: HeadShape

  public init(sequences: Int, positions: Int, heads: HeadShape) {
    self.sequences = sequences
    self.positions = positions
    self.heads = heads
  }

  package var keyValueHeads: Int { heads.keyValueHeads }
  package var headSize: Int { heads.headSize }
  package var headsPerKey: Int { heads.headsPerKey }
  public var paddedHeadSize: Int { heads.paddedHeadSize }
  public var queryScale: Float { heads.queryScale }

  /// The number of rows of one copy: sequences · positions.
  public var rowsPerCopy: Int { sequences * positions }
}
