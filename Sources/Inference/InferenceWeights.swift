import Kernels
import Transformer

/// A model's weights as decoding reads them: matrices packed (``PackedMatrix``), the embedding row by row.
///
/// They are in memory once, in fp32 or bf16; norms' weights are fp32 always.
public final class InferenceWeights: @unchecked Sendable {
  // Unchecked: they are written while they are made, and only read afterwards.

  public let layout: ParameterLayout
  /// Of matrices, the embedding and cached keys; what enters a product is rounded to it.
  public let precision: ElementType
  let places: WeightPlaces
  private let buffer: Buffer

  /// Floats of a tensor that are read at one time.
  private static let floatsAtOnce = 1 << 20

  /// - Parameters:
  ///   - storage: memory of at least ``bytes(_:_:)`` to lie in, which nobody else uses meanwhile; nil for some of their own.
  ///   - read: puts rows of a tensor (a norm's elements) into a buffer of just that size.
  public init(
    _ layout: ParameterLayout, _ precision: ElementType, in storage: Buffer? = nil,
    read: (_ tensor: ParameterTensor, _ rows: Range<Int>, _ floats: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    self.layout = layout
    self.precision = precision
    let count = InferenceWeights.bytes(layout, precision) / MemoryLayout<Float>.stride
    buffer = storage ?? Buffer(count: count)
    precondition(buffer.count >= count, "memory of \(buffer.count) floats for \(count)")
    // What is beyond a matrix's last row must be zero.
    storage?.floats.update(repeating: 0)
    places = WeightPlaces(layout.model, precision, at: UnsafeMutableRawPointer(buffer.pointer))
    let longestRow = layout.tensors.map { $0.isNorm ? 1 : $0.shape[1] }.max() ?? 1
    let slice = Buffer(count: max(InferenceWeights.floatsAtOnce, longestRow))
    for tensor in layout.tensors {
      let columns = tensor.isNorm ? 1 : tensor.shape[1]
      let atOnce = slice.count / columns
      for start in stride(from: 0, to: tensor.shape[0], by: atOnce) {
        let rows = start..<min(start + atOnce, tensor.shape[0])
        try read(tensor, rows, slice[0..<rows.count * columns])
        places.put(tensor, rows, slice.pointer)
      }
    }
  }

  /// Of weights that lie flat, as the layout says.
  public convenience init(
    _ layout: ParameterLayout, _ precision: ElementType, flat: Buffer, in storage: Buffer? = nil
  ) {
    precondition(flat.count == layout.count, "\(flat.count) parameters for \(layout.count)")
    self.init(layout, precision, in: storage) { tensor, rows, floats in
      let first = tensor.range.lowerBound + rows.lowerBound * (floats.count / rows.count)
      floats.baseAddress?.update(from: flat.pointer + first, count: floats.count)
    }
  }

  /// Bytes of memory that a model's weights take.
  public static func bytes(_ layout: ParameterLayout, _ precision: ElementType) -> Int {
    WeightPlaces.bytes(layout.model, precision)
  }

  /// x [tokens, d] ← the tokens' rows of the embedding.
  func embed(_ x: Matrix, _ tokens: [Int32], on team: ThreadTeam) {
    if let embedding = places.embedding {
      tokens.withUnsafeBufferPointer { Embedding.forward(x, table: embedding, tokens: $0, copies: 1, on: team) }
    } else {
      team.forEach(x.rows) { row, _ in places.head.unpack(Int(tokens[row]), into: x.pointer + row * x.stride) }
    }
  }
}
