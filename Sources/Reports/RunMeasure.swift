import Foundation
import Training

/// A quantity of a run that is plotted against its progress.
public enum RunMeasure: String, CaseIterable, Sendable {
  case loss
  case validation
  case learningRate = "learning-rate"
  case gradientNorm = "gradient-norm"
  case zLoss = "z-loss"
  case tokensPerSecond = "tokens-per-second"
  case tasks

  /// The field of the step records; nil if the measure has its own records.
  var field: StepField? {
    switch self {
    case .loss: .loss
    case .learningRate: .learningRate
    case .gradientNorm: .gradientNorm
    case .zLoss: .zLoss
    case .tokensPerSecond: .tokensPerSecond
    case .validation, .tasks: nil
    }
  }

  var title: String {
    switch self {
    case .loss: "Training loss"
    case .validation: "Validation loss"
    case .learningRate: "Learning rate"
    case .gradientNorm: "Gradient norm"
    case .zLoss: "z-loss"
    case .tokensPerSecond: "Speed"
    case .tasks: "Benchmarks"
    }
  }

  var axisTitle: String {
    switch self {
    case .loss, .validation: "nats per token"
    case .learningRate: "learning rate"
    case .gradientNorm: "norm, before clipping"
    case .zLoss: "weight · mean logsumexp²"
    case .tokensPerSecond: "tokens per second"
    case .tasks: "accuracy"
    }
  }

  /// A line's name; for losses, with the line's last value.
  func labelled(_ name: String, _ last: Double?) -> String {
    guard self == .loss || self == .validation, let last, last.isFinite else { return name }
    return "\(name)  \(String(format: "%.3f", last))"
  }

  /// Whether the measure has noise to smooth.
  var isNoisy: Bool { self != .learningRate && field != nil }
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
    return steps.contains { $0[field].isFinite && (measure != .zLoss || $0[field] != 0) }
  }
}
