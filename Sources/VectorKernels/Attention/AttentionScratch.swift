import Tensors

/// One thread's scratch memory for a block of queries.
struct AttentionScratch<Lane: PackedLane> {
  /// Tiles of scores and the outputs of the block. The backward pass uses its memory too: `scores` for a tile's
  /// probabilities, `outputs` for the gradients of the block's outputs, `sums` for Σ output · its gradient.
  let softmax: OnlineSoftmax<Lane>
  /// The gradients of a tile's scores, stored as ``OnlineSoftmax/scores`` are.
  let scoreGradients: UnsafeMutablePointer<Float>
  /// [rows, padded e].
  let queryGradients: UnsafeMutablePointer<Float>
  /// Interleaved copies of a tile's probabilities or score gradients, of the block's queries and of its output
  /// gradients, see ``PackedLane/interleave(_:stride:count:columns:into:targetStride:)``.
  let interleavedScores: UnsafeMutablePointer<Lane>
  let interleavedQueries: UnsafeMutablePointer<Lane>
  let interleavedOutputs: UnsafeMutablePointer<Lane>

  /// The number of floats of scratch for a block of `rows` rows; `headSize` is padded.
  static func count(rows: Int, headSize: Int) -> Int {
    let stride = OnlineSoftmax<Lane>.scoreStride
    let interleaved = Lane.elements == 1 ? 0 : Lane.lanes(for: rows) * (stride + 2 * headSize)
    return rows * (2 * stride + 2 * headSize + 4) + interleaved + 4 * vectorWidth
  }

  /// - Parameter start: room for ``count(rows:headSize:)`` floats.
  init(_ start: UnsafeMutablePointer<Float>, rows: Int, headSize: Int) {
    let stride = OnlineSoftmax<Lane>.scoreStride
    scoreGradients = start + rows * stride
    let outputs = scoreGradients + rows * stride
    queryGradients = outputs + rows * headSize
    let maxima = queryGradients + rows * headSize
    let sums = maxima + rows
    let visible = UnsafeMutableRawPointer(sums + rows).assumingMemoryBound(to: SIMD2<Int32>.self)
    softmax = OnlineSoftmax(
      scores: start, outputs: outputs, maxima: maxima, sums: sums, visible: visible, outputStride: headSize)
    interleavedScores = UnsafeMutableRawPointer(visible + rows).assumingMemoryBound(to: Lane.self)
    interleavedQueries = interleavedScores + Lane.lanes(for: rows) * stride
    interleavedOutputs = interleavedQueries + Lane.lanes(for: rows) * headSize
  }
}
