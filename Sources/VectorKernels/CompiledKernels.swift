import CProcessor
import Tensors

/// The kernels, as this module was compiled: one source is the code of several modules, each compiled for a set of a
/// processor's instructions.
///
/// Nothing of a module may be called on a processor without its instructions.
public struct CompiledKernels: KernelSet {
  public init() {}

  public var multipliesBF16: Bool { MicroKernel.current.multipliesBF16 }

  public var vectors: any VectorKernel.Type { Vectors.self }
  public var rmsNorm: any RMSNormKernel.Type { RMSNorm.self }
  public var swiGLU: any SwiGLUKernel.Type { SwiGLU.self }
  public var embedding: any EmbeddingKernel.Type { Embedding.self }
  public var residualSum: any ResidualSumKernel.Type { ResidualSum.self }
  public var crossEntropy: any CrossEntropyKernel.Type { CrossEntropy.self }
  public var adamW: any AdamWKernel.Type { AdamW.self }
  public var headLayout: any HeadLayoutKernel.Type { Heads.self }
  public var headRows: any HeadRowsKernel.Type { HeadRows.self }
  public var packing: any PackingKernel.Type { Packing.self }

  public func matrixProduct(on team: ThreadTeam) -> any MatrixProductKernel { PanelProduct(on: team) }

  public func packedProduct(on team: ThreadTeam) -> any PackedProductKernel { PackedProduct(on: team) }

  public func attention(
    _ shape: AttentionShape, _ type: ElementType, copies: Int, on team: ThreadTeam
  ) -> any AttentionKernel { Attention(shape, type, copies: copies, on: team) }

  public func attentionScratchCount(
    _ shape: AttentionShape, _ type: ElementType, copies: Int, threads: Int
  ) -> Int { Attention.scratchCount(shape, type, copies: copies, threads: threads) }

  public func cachedAttention(
    _ heads: HeadShape, _ type: ElementType, on team: ThreadTeam
  ) -> any CachedAttentionKernel { CachedAttention(heads, type, on: team) }
}

/// The instructions for which this module was compiled.
enum Instructions {
  /// AVX-512 (F, CD, BW, DQ, VL).
  @inline(__always)
  static var haveAVX512: Bool { phd_built_with_avx512() }

  /// Whether one of them multiplies and adds with one rounding.
  @inline(__always)
  static var fuse: Bool { phd_built_with_fma() }

  /// AVX512-BF16, which multiplies pairs of bf16.
  @inline(__always)
  static var haveBF16: Bool { phd_built_with_avx512_bf16() }
}
