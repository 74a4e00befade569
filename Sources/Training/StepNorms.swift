import JSON
import Transformer

/// Norms of every tensor at one step, in the order in which the tensors lie.
public struct StepNorms: Sendable, Equatable {
  private let names: [String]
  /// Of the loss's gradient, before clipping.
  public let gradients: [Double]
  /// After the update.
  public let weights: [Double]
  /// Of what the update has changed: the difference of the weights.
  public let updates: [Double]

  init(_ layout: ParameterLayout, gradients: [Double], weights: [Double], updates: [Double]) {
    names = layout.tensors.map(\.name)
    self.gradients = gradients
    self.weights = weights
    self.updates = updates
  }

  /// The fields of a log's record.
  func json(step: Int) -> JSONValue {
    func named(_ norms: [Double]) -> JSONValue {
      .object(JSONValue.Object(distinct: zip(names, norms).map { .init(name: $0, value: .number($1)) }))
    }
    return [
      "step": .integer(step), "gradients": named(gradients), "weights": named(weights), "updates": named(updates),
    ]
  }
}
