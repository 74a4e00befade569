/// The values that the spike guard compares a step with, oldest first.
public struct SpikeHistory: Sendable, Equatable {
  package var losses: [Double] = []
  package var gradientNorms: [Double] = []

  package init() {}

  package init(losses: [Double], gradientNorms: [Double]) {
    (self.losses, self.gradientNorms) = (losses, gradientNorms)
  }

  /// The series with their names in a checkpoint.
  static let series: [(name: String, path: WritableKeyPath<SpikeHistory, [Double]> & Sendable)] = [
    ("loss", \.losses), ("gradient_norm", \.gradientNorms),
  ]
}
