import Kernels
import Transformer

/// Views of a model's packed weights, which are stored consecutively in memory from `base` on.
///
/// ``InferenceWeights`` owns the memory.
struct PackedWeights {
  struct Layer {
    let query: PackedMatrix
    /// Rows of keys, then of values.
    let keyValue: PackedMatrix
    let output: PackedMatrix
    /// Rows of gate, then of up.
    let gateUp: PackedMatrix
    let down: PackedMatrix
    /// Nil if there is no QK norm.
    let queryNorm: UnsafeMutablePointer<Float>?
    let keyNorm: UnsafeMutablePointer<Float>?
    let attentionNorm: UnsafeMutablePointer<Float>
    let feedForwardNorm: UnsafeMutablePointer<Float>
  }

  /// [V, d]; nil if it is tied to the head.
  let embedding: Matrix?
  let layers: [Layer]
  let finalNorm: UnsafeMutablePointer<Float>
  /// [V, d]; also the embedding if the two are tied.
  let head: PackedMatrix
  /// Bytes of all weights.
  let bytes: Int
  /// Bytes of all weights except the embedding.
  let bytesWithoutEmbedding: Int

  init(_ model: ModelConfiguration, _ precision: ElementType, at base: UnsafeMutableRawPointer) {
    var next = base
    func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
      let line = 64
      defer { next += (bytes + line - 1) / line * line }
      return next
    }
    func packed(_ rows: Int, _ columns: Int) -> PackedMatrix {
      let start = reserve(PackedMatrix.bytes(rows: rows, columns: columns, precision))
      return PackedMatrix(start, precision, rows: rows, columns: columns)
    }
    func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
      reserve(count * MemoryLayout<Float>.stride).assumingMemoryBound(to: Float.self)
    }
    let (d, q, f) = (model.hiddenSize, model.querySize, model.intermediateSize)
    embedding =
      model.tieWordEmbeddings
      ? nil
      : Matrix(
        reserve(model.vocabularySize * d * precision.bytes), precision, rows: model.vocabularySize, columns: d)
    let embeddingBytes = next - base
    let hasHeadNorms = model.architecture.queryKeyNorm != .none
    layers = (0..<model.layers).map { _ in
      Layer(
        query: packed(q, d), keyValue: packed(2 * model.keyValueSize, d), output: packed(d, q),
        gateUp: packed(2 * f, d), down: packed(d, f), queryNorm: hasHeadNorms ? floats(q) : nil,
        keyNorm: hasHeadNorms ? floats(model.keyValueSize) : nil,
        attentionNorm: floats(d), feedForwardNorm: floats(d))
    }
    finalNorm = floats(d)
    head = packed(model.vocabularySize, d)
    bytes = next - base
    bytesWithoutEmbedding = bytes - embeddingBytes
  }

  /// Bytes of a model's packed weights.
  static func bytes(_ model: ModelConfiguration, _ precision: ElementType) -> Int {
    // The address is not accessed.
    guard let unused = UnsafeMutableRawPointer(bitPattern: 64) else { preconditionFailure("64 is not an address") }
    return PackedWeights(model, precision, at: unused).bytes
  }

  /// Packs and stores rows of a tensor (elements, for a norm's weight).
  func store(_ tensor: ParameterTensor, _ rows: Range<Int>, _ floats: UnsafeMutablePointer<Float>) {
    func vector(_ target: UnsafeMutablePointer<Float>?) {
      guard let target else { preconditionFailure("\(tensor.name) is not in this architecture") }
      (target + rows.lowerBound).update(from: floats, count: rows.count)
    }
    func pack(_ target: PackedMatrix, after first: Int = 0) {
      kernels.packing.pack(
        Matrix(floats, rows: rows.count, columns: target.columns), into: target, at: first + rows.lowerBound)
    }
    switch (tensor.role, tensor.layer.map { layers[$0] }) {
    case (.embedding, _):
      guard let embedding else { return pack(head) }
      embedding.rows(rows).copy(
        from: Matrix(floats, rows: rows.count, columns: embedding.columns), on: ThreadTeam())
    case (.head, _): pack(head)
    case (.finalNorm, _): vector(finalNorm)
    case (.query, let layer?): pack(layer.query)
    case (.key, let layer?): pack(layer.keyValue)
    case (.value, let layer?): pack(layer.keyValue, after: layer.keyValue.rows / 2)
    case (.attentionOutput, let layer?): pack(layer.output)
    case (.gate, let layer?): pack(layer.gateUp)
    case (.up, let layer?): pack(layer.gateUp, after: layer.gateUp.rows / 2)
    case (.down, let layer?): pack(layer.down)
    case (.queryNorm, let layer?): vector(layer.queryNorm)
    case (.keyNorm, let layer?): vector(layer.keyNorm)
    case (.attentionNorm, let layer?): vector(layer.attentionNorm)
    case (.feedForwardNorm, let layer?): vector(layer.feedForwardNorm)
    case (_, nil): preconditionFailure("\(tensor.name) is in no layer")
    }
  }
}
