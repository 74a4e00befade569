import Kernels
import Transformer

/// Memory for what a pass computes on its way: a place for each thing, which grows when more rows come and is used again.
final class Workspace {
  enum Place: Int, CaseIterable {
    case stream
    case normed
    case keyValue
    case query
    case queries
    case attended
    case gateUp
    case activation
    case logits
  }

  private var buffers = Place.allCases.map { _ in Buffer(count: 0) }
  private var stores: [Int: KeyStore] = [:]

  private func floats(_ place: Place, count: Int) -> UnsafeMutablePointer<Float> {
    if buffers[place.rawValue].count < count { buffers[place.rawValue] = Buffer(count: count) }
    return buffers[place.rawValue].pointer
  }

  /// Room for the hidden copies' keys of one of a call's sequences, in one layer at a time.
  func store(_ index: Int, _ model: InferenceModel, slots: Int) -> KeyStore {
    if let store = stores[index], store.slots >= slots { return store }
    let store = KeyStore(model.configuration.heads, model.weights.precision, slots: slots)
    stores[index] = store
    return store
  }

  /// [rows, columns], fp32, contiguous. What was in the place before may be gone.
  func matrix(_ place: Place, rows: Int, columns: Int) -> Matrix {
    matrix(place, .fp32, rows: rows, columns: columns)
  }

  /// The same of a type.
  func matrix(_ place: Place, _ type: ElementType, rows: Int, columns: Int) -> Matrix {
    let floats = (rows * columns * type.bytes + 3) / 4
    return Matrix(self.floats(place, count: floats), type, rows: rows, columns: columns)
  }
}
