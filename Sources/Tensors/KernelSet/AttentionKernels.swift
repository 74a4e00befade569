/// softmax(q kᵀ) v with base-2 exponentials under a pattern of copies; the caller has multiplied q by
/// ``HeadShape/queryScale``, log₂ e / √e.
///
/// Products are fp32 or bf16. With bf16, queries, keys and values are stored as bf16. Probabilities, the gradients of
/// scores and the gradients of outputs are rounded to bf16. Sums, softmax and the resulting gradients are fp32.
///
/// The caller ensures that:
/// - Every query sees at least one key. Otherwise its output is not a number.
/// - The elements between e and padded e of queries, keys and values are zero.
/// - The team of ``forward(_:on:)`` and ``backward(_:outputGradients:on:)`` is not larger than the one that it was made
///   for, and one call runs at a time, because each worker has one scratch memory.
///
/// The backward pass rebuilds the panels and interleaved copies of each group, so their memory may be reused between the
/// passes.
public protocol AttentionKernel: Sendable {
  /// Writes the outputs and the logsumexps of all groups of queries.
  func forward(_ groups: [AttentionQueries], on team: ThreadTeam)

  /// Given the gradient of each group's output (rows and columns as the output's), writes the gradients of its
  /// queries, and of all keys and values, to the memory that the groups name, in head-major order (see ``HeadLayout``).
  ///
  /// The queries' gradients are with respect to the rotated, unscaled queries; the keys', to the rotated keys.
  func backward(_ groups: [AttentionQueries], outputGradients: [Matrix], on team: ThreadTeam)
}

/// Attention of new positions' queries to cached keys.
public protocol CachedAttentionKernel: AnyObject {
  /// Writes each query's output to its row.
  ///
  /// - Parameters:
  ///   - output: fp32, [rows, query heads · e].
  ///   - queries: [kv heads][queries][heads per key][padded e], see ``HeadRowsKernel``.
  ///   - order: for each query, the row of `output`.
  func forward(_ output: Matrix, queries: Matrix, order: [Int32], _ groups: [CachedQueries])
}
