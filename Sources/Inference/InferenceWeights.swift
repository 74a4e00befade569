import Kernels
import Transformer

/// A model's weights for inference: owns the memory of ``PackedWeights`` and fills it.
///
/// Matrices are packed (``PackedMatrix``) in fp32 or bf16; norms' weights are always fp32. There is no second, unpacked
/// copy.
public final class InferenceWeights: @unchecked Sendable {
  // Unchecked: the weights are written only in the initializer.

  public let layout: ParameterLayout
  /// The type of matrices, embedding and cached keys. Other operands of products are rounded to it.
  public let precision: ElementType
  let packed: PackedWeights
  private let buffer: Buffer

  /// The number of floats that are read at a time.
  private static let floatsPerRead = 1 << 20

  /// - Parameters:
  ///   - storage: memory of at least ``bytes(_:_:)`` that the caller does not use while this object exists; nil to
  ///     allocate memory.
  ///   - read: copies rows of a tensor (elements, for a norm's weight) to a buffer of exactly that size.
  public init(
    _ layout: ParameterLayout, _ precision: ElementType, in storage: Buffer? = nil,
    read: (_ tensor: ParameterTensor, _ rows: Range<Int>, _ floats: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    self.layout = layout
    self.precision = precision
    let count = InferenceWeights.bytes(layout, precision) / MemoryLayout<Float>.stride
    buffer = storage ?? Buffer(count: count)
    precondition(buffer.count >= count, "the storage has \(buffer.count) floats, not the required \(count)")
    // The padding after a matrix's last row must be zero.
    storage?.floats.update(repeating: 0)
    packed = PackedWeights(layout.model, precision, at: UnsafeMutableRawPointer(buffer.pointer))
    let longestRow = layout.tensors.map { $0.isNorm ? 1 : $0.shape[1] }.max() ?? 1
    let slice = Buffer(count: max(InferenceWeights.floatsPerRead, longestRow))
    for tensor in layout.tensors {
      let columns = tensor.isNorm ? 1 : tensor.shape[1]
      let rowsPerRead = slice.count / columns
      for start in stride(from: 0, to: tensor.shape[0], by: rowsPerRead) {
        let rows = start..<min(start + rowsPerRead, tensor.shape[0])
        try read(tensor, rows, slice[0..<rows.count * columns])
        packed.store(tensor, rows, slice.pointer)
      }
    }
  }

  /// Packs the weights of a flat buffer with this layout.
  public convenience init(
    _ layout: ParameterLayout, _ precision: ElementType, flat: Buffer, in storage: Buffer? = nil
  ) {
    precondition(flat.count == layout.count, "\(flat.count) parameters for \(layout.count)")
    self.init(layout, precision, in: storage) { tensor, rows, floats in
      let first = tensor.range.lowerBound + rows.lowerBound * (floats.count / rows.count)
      floats.baseAddress?.update(from: flat.pointer + first, count: floats.count)
    }
  }

  /// Bytes of memory of a model's weights.
  public static func bytes(_ layout: ParameterLayout, _ precision: ElementType) -> Int {
    PackedWeights.bytes(layout.model, precision)
  }

  /// x [tokens, d] ← the tokens' rows of the embedding.
  func embed(_ x: Matrix, _ tokens: [Int32], on team: ThreadTeam) {
    if let embedding = packed.embedding {
      tokens.withUnsafeBufferPointer { kernels.embedding.forward(x, table: embedding, tokens: $0, copies: 1, on: team) }
    } else {
      team.forEach(x.rows) { row, _ in packed.head.unpack(Int(tokens[row]), into: x.pointer + row * x.stride) }
    }
  }
}
