import Foundation
import JSON

/// Compares runs with the first of them: losses at equal tokens, operations and time, and differences between the
/// configurations.
public struct LogComparison: Sendable {
  /// The losses of all runs at one position of an axis.
  public struct AxisComparison: Sendable {
    public let axis: RunAxis
    /// The farthest position that every run has reached; nil if a log does not record positions on this axis.
    public let position: Double?
    /// Each run's mean loss over the last tenth of the range up to that position.
    public let losses: [Double?]
    /// Each run's difference from the first run; nil for the first.
    public let differences: [LossDifference?]
  }

  public let runs: [RunLog]
  public let axisComparisons: [AxisComparison]
  /// For each validation set that all runs have measured, the losses at the last common step.
  public let validations: [(set: String, step: Int, losses: [Double])]
  /// The dotted keys whose values differ, and each run's value, nil if absent. Nil if a run has no readable
  /// configuration next to its log.
  public let differingKeys: [(key: String, values: [JSONValue?])]?

  /// The last fraction of the range, over which losses are averaged.
  static let window = 0.1

  /// - Precondition: there are two or more runs.
  public init(_ runs: [RunLog]) {
    precondition(runs.count > 1, "a comparison needs two or more runs")
    self.runs = runs
    axisComparisons = [RunAxis.tokens, .flops, .time].map { LogComparison.comparison(of: runs, on: $0) }
    validations = runs[0].validationSets.compactMap { set in
      let losses = runs.map { run in
        Dictionary(run.validations.filter { $0.set == set }.map { ($0.step, $0.loss) }) { _, last in last }
      }
      let common = losses.dropFirst().reduce(Set(losses[0].keys)) { $0.intersection($1.keys) }
      return common.max().map { step in (set, step, losses.compactMap { $0[step] }) }
    }
    let leaves = runs.map { $0.configuration.map { ConfigurationLeaves($0) } }
    differingKeys = leaves.contains { $0 == nil } ? nil : ConfigurationLeaves.differing(leaves.compactMap { $0 })
  }

  private static func comparison(of runs: [RunLog], on axis: RunAxis) -> AxisComparison {
    let curves = runs.map { run in
      run.positions(axis).map { positions in zip(positions, run.steps).map { (position: $0, loss: $1[.loss]) } }
    }
    let ends = curves.compactMap { $0?.last?.position }
    guard ends.count == runs.count, let end = ends.min(), end > 0 else {
      let none = runs.map { _ in nil as Double? }
      return AxisComparison(axis: axis, position: nil, losses: none, differences: runs.map { _ in nil })
    }
    let stretch = end * (1 - window)...end
    let losses = curves.map { curve -> Double? in
      let inside = (curve ?? []).filter { $0.position > stretch.lowerBound && $0.position <= end && $0.loss.isFinite }
      return inside.isEmpty ? nil : inside.reduce(0) { $0 + $1.loss } / Double(inside.count)
    }
    let first = curves[0] ?? []
    let differences = curves.enumerated().map { index, curve in
      index == 0 ? nil : LossDifference(curve ?? [], first, over: stretch)
    }
    return AxisComparison(axis: axis, position: end, losses: losses, differences: differences)
  }

  public var json: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let same = axisComparisons.map { comparison -> JSONValue.Field in
      let differences = comparison.differences.map { difference -> JSONValue in
        guard let difference else { return .null }
        let interval = difference.halfWidth.map { [difference.mean - $0, difference.mean + $0] }
        return [
          "difference": .number(difference.mean), "interval": interval.map { .array($0.map { .number($0) }) } ?? .null,
          "blocks": .integer(difference.blocks),
        ]
      }
      return JSONValue.Field(
        name: comparison.axis.rawValue,
        value: [
          "at": number(comparison.position), "losses": .array(comparison.losses.map(number)),
          "differences": .array(differences),
        ])
    }
    return [
      "runs": .array(runs.map { LogSummary($0).json }),
      "same": .object(JSONValue.Object(distinct: same)),
      "validations": .array(
        validations.map {
          ["set": .string($0.set), "step": .integer($0.step), "losses": .array($0.losses.map { .number($0) })]
        }),
      "configuration": differingKeys.map { keys in
        .array(keys.map { ["key": .string($0.key), "values": .array($0.values.map { $0 ?? .null })] })
      } ?? .null,
    ]
  }
}
