/// The kernels for one set of a processor's instructions: the same operations, compiled for it.
///
/// In fp32 all sets give the same bits. In bf16, sets with the same ``multipliesBF16`` give the same bits.
public protocol KernelSet: Sendable {
  /// Whether products multiply bf16, rather than operands widened to fp32.
  var multipliesBF16: Bool { get }

  var vectors: any VectorKernel.Type { get }
  var rmsNorm: any RMSNormKernel.Type { get }
  var swiGLU: any SwiGLUKernel.Type { get }
  var embedding: any EmbeddingKernel.Type { get }
  var residualSum: any ResidualSumKernel.Type { get }
  var crossEntropy: any CrossEntropyKernel.Type { get }
  var adamW: any AdamWKernel.Type { get }
  var headLayout: any HeadLayoutKernel.Type { get }
  var headRows: any HeadRowsKernel.Type { get }
  var packing: any PackingKernel.Type { get }

  /// Products of large matrices.
  func matrixProduct(on team: ThreadTeam) -> any MatrixProductKernel
  /// Products of packed weights.
  func packedProduct(on team: ThreadTeam) -> any PackedProductKernel
  /// Attention over whole sequences.
  ///
  /// - Parameter copies: the largest number of copies in one group of queries.
  func attention(
    _ shape: AttentionShape, _ type: ElementType, copies: Int, on team: ThreadTeam
  ) -> any AttentionKernel
  /// The number of floats of scratch that attention needs for a team of `threads` threads.
  func attentionScratchCount(_ shape: AttentionShape, _ type: ElementType, copies: Int, threads: Int) -> Int
  /// Attention to cached keys.
  ///
  /// - Parameter type: of queries and cached keys.
  func cachedAttention(_ heads: HeadShape, _ type: ElementType, on team: ThreadTeam) -> any CachedAttentionKernel
}
