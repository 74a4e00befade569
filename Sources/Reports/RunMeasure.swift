import Foundation
import RunFiles

/// A quantity of a run that is plotted against its progress.
public enum RunMeasure: Sendable, Hashable {
  /// A metric of the step records.
  case step(StepMetric)
  case validation
  case tasks

  public static let loss = RunMeasure.step(.loss)

  /// The field of the step records; nil if the measure has its own records.
  var field: StepMetric? {
    if case .step(let metric) = self { metric } else { nil }
  }

  var title: String {
    switch self {
    case .step(let metric): metric.plot?.title ?? metric.name
    case .validation: "Validation loss"
    case .tasks: "Benchmarks"
    }
  }

  var axisTitle: String {
    switch self {
    case .step(let metric): metric.plot?.axisTitle ?? metric.name
    case .validation: "nats per token"
    case .tasks: "accuracy"
    }
  }

  /// A line's name; for losses, with the line's last value.
  func labelled(_ name: String, _ last: Double?) -> String {
    guard self == .loss || self == .validation, let last, last.isFinite else { return name }
    return "\(name)  \(String(format: "%.3f", last))"
  }

  /// Whether the measure has noise to smooth.
  var isNoisy: Bool { field?.plot?.isNoisy ?? false }
}

extension RunMeasure: CaseIterable, RawRepresentable {
  /// In the order in which a report draws them.
  public static var allCases: [RunMeasure] {
    [.loss, .validation] + StepMetric.plotted.filter { $0 != .loss }.map(RunMeasure.step) + [.tasks]
  }

  /// As an option names it: `gradient-norm`.
  public var rawValue: String {
    switch self {
    case .step(let metric): metric.name.replacing("_", with: "-")
    case .validation: "validation"
    case .tasks: "tasks"
    }
  }

  public init?(rawValue: String) {
    guard let measure = RunMeasure.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = measure
  }
}

extension RunLog {
  /// The series of a measure that has its own records: one per validation set, or per benchmark.
  func series(_ measure: RunMeasure) -> [(name: String, steps: [Int], values: [Double])] {
    switch measure {
    case .validation:
      return validationSets.map { set in
        let own = validations.filter { $0.set == set }
        return (set, own.map(\.step), own.map(\.loss))
      }
    case .tasks:
      let records = tasks.compactMap { record -> (task: String, step: Int, accuracy: Double)? in
        guard let task = record["task"]?.string, let step = record["step"]?.integer,
          let accuracy = record["acc"]?.number
        else { return nil }
        return (task, step, accuracy)
      }
      let names = records.reduce(into: [String]()) { if !$0.contains($1.task) { $0.append($1.task) } }
      return names.map { name in
        let own = records.filter { $0.task == name }.sorted { $0.step < $1.step }
        return (name, own.map(\.step), own.map(\.accuracy))
      }
    default: return []
    }
  }

  /// Whether the run has values of a measure to plot.
  public func has(_ measure: RunMeasure) -> Bool {
    guard let field = measure.field else { return !series(measure).isEmpty }
    return steps.contains { $0[field].isFinite && (field != .zLoss || $0[field] != 0) }
  }
}
