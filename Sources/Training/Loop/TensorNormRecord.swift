import JSON
import Transformer

/// The norms of every tensor at one step, in the layout's order: a `tensors` record of the log.
public struct TensorNormRecord: Sendable, Equatable {
  private let names: [String]
  /// Norms of the gradient, before clipping.
  public let gradients: [Double]
  /// Norms of the weights, after the update.
  public let weights: [Double]
  /// Norms of the change that the update made.
  public let updates: [Double]

  init(_ layout: ParameterLayout, gradients: [Double], weights: [Double], updates: [Double]) {
    names = layout.tensors.map(\.name)
    self.gradients = gradients
    self.weights = weights
    self.updates = updates
  }

  /// The fields of the log record.
  func json(step: Int) -> JSONValue {
    func named(_ norms: [Double]) -> JSONValue {
      .object(JSONValue.Object(distinct: zip(names, norms).map { .init(name: $0, value: .number($1)) }))
    }
    return [
      "step": .integer(step), "gradients": named(gradients), "weights": named(weights), "updates": named(updates),
    ]
  }
}
