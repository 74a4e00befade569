import Kernels
import Transformer

/// Scratch buffers of a pass: one for each role, which grows on demand and is reused by later passes.
final class Workspace {
  enum Role: Int, CaseIterable {
    /// The residual stream.
    case stream
    /// The normalized input of attention or FFN (Llama).
    case normed
    case keyValue
    /// Query projections; later the output projections of attention and FFN, and the head's input.
    case projection
    /// Queries in head-major order.
    case queries
    /// The output of attention.
    case attended
    case gateUp
    case activation
    case logits
  }

  private var buffers = Role.allCases.map { _ in Buffer(count: 0) }
  private var stores: [Int: KeyStore] = [:]

  private func floats(_ role: Role, count: Int) -> UnsafeMutablePointer<Float> {
    if buffers[role.rawValue].count < count { buffers[role.rawValue] = Buffer(count: count) }
    return buffers[role.rawValue].pointer
  }

  /// A store for the hidden keys of one sequence of the pass, for one layer at a time.
  ///
  /// - Parameter index: the index of the sequence in the pass.
  func store(_ index: Int, _ model: InferenceModel, slots: Int) -> KeyStore {
    if let store = stores[index], store.slots >= slots { return store }
    let store = KeyStore(model.configuration.heads, model.weights.precision, slots: slots)
    stores[index] = store
    return store
  }

  /// A contiguous fp32 matrix [rows, columns]. It invalidates earlier matrices of the same role.
  func matrix(_ role: Role, rows: Int, columns: Int) -> Matrix {
    matrix(role, .fp32, rows: rows, columns: columns)
  }

  /// Like ``matrix(_:rows:columns:)``, with elements of a given type.
  func matrix(_ role: Role, _ type: ElementType, rows: Int, columns: Int) -> Matrix {
    let floats = (rows * columns * type.bytes + 3) / 4
    return Matrix(self.floats(role, count: floats), type, rows: rows, columns: columns)
  }
}
