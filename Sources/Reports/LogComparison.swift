import Foundation
import JSON

/// Runs beside the first of them: their losses after the same tokens, operations and time, and what differs in their
/// configurations.
public struct LogComparison: Sendable {
  /// The losses at one place of an axis.
  public struct Meeting: Sendable {
    public let axis: RunAxis
    /// The farthest place that every run has reached; nil where a run's log does not say where it was.
    public let place: Double?
    /// Of each run, the mean over the last tenth of the way to that place.
    public let losses: [Double?]
    /// Of each run from the first; nil for that one.
    public let differences: [LossDifference?]
  }

  public let runs: [RunLog]
  public let meetings: [Meeting]
  /// For each validation set that all runs have measured, the last step at which all have.
  public let validations: [(set: String, step: Int, losses: [Double])]
  /// Dotted keys of the configurations whose values differ, and each run's value, nil where it has none; nil where a run
  /// has no configuration beside its log.
  public let differingKeys: [(key: String, values: [JSONValue?])]?

  /// The share of the way that losses are averaged over.
  static let window = 0.1

  /// - Precondition: there are two runs or more.
  public init(_ runs: [RunLog]) {
    precondition(runs.count > 1, "a run alone is compared with nothing")
    self.runs = runs
    meetings = [RunAxis.tokens, .flops, .time].map { LogComparison.meeting(of: runs, on: $0) }
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

  private static func meeting(of runs: [RunLog], on axis: RunAxis) -> Meeting {
    let curves = runs.map { run in
      run.places(axis).map { places in zip(places, run.steps).map { (place: $0, loss: $1[.loss]) } }
    }
    let ends = curves.compactMap { $0?.last?.place }
    guard ends.count == runs.count, let end = ends.min(), end > 0 else {
      let none = runs.map { _ in nil as Double? }
      return Meeting(axis: axis, place: nil, losses: none, differences: runs.map { _ in nil })
    }
    let stretch = end * (1 - window)...end
    let losses = curves.map { curve -> Double? in
      let inside = (curve ?? []).filter { $0.place > stretch.lowerBound && $0.place <= end && $0.loss.isFinite }
      return inside.isEmpty ? nil : inside.reduce(0) { $0 + $1.loss } / Double(inside.count)
    }
    let first = curves[0] ?? []
    let differences = curves.enumerated().map { index, curve in
      index == 0 ? nil : LossDifference(curve ?? [], first, over: stretch)
    }
    return Meeting(axis: axis, place: end, losses: losses, differences: differences)
  }

  public var json: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let same = meetings.map { meeting -> JSONValue.Field in
      let differences = meeting.differences.map { difference -> JSONValue in
        guard let difference else { return .null }
        let interval = difference.halfWidth.map { [difference.mean - $0, difference.mean + $0] }
        return [
          "difference": .number(difference.mean), "interval": interval.map { .array($0.map { .number($0) }) } ?? .null,
          "blocks": .integer(difference.blocks),
        ]
      }
      return JSONValue.Field(
        name: meeting.axis.rawValue,
        value: [
          "at": number(meeting.place), "losses": .array(meeting.losses.map(number)), "differences": .array(differences),
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
