import Foundation
import RunFiles

/// What of a run is drawn against its progress.
public enum RunMeasure: String, CaseIterable, Sendable {
  case loss
  case validation
  case learningRate = "learning-rate"
  case gradientNorm = "gradient-norm"
  case zLoss = "z-loss"
  case tokensPerSecond = "tokens-per-second"
  case tasks

  /// The number of a step's record; nil where what is measured has records of its own.
  var field: StepMetric? {
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
    case .gradientNorm: "Norm of the gradient"
    case .zLoss: "z-loss"
    case .tokensPerSecond: "Speed"
    case .tasks: "Benchmarks"
    }
  }

  var axisTitle: String {
    switch self {
    case .loss, .validation: "nats a token"
    case .learningRate: "learning rate"
    case .gradientNorm: "norm, before clipping"
    case .zLoss: "weight · mean logsumexp²"
    case .tokensPerSecond: "tokens a second"
    case .tasks: "share right"
    }
  }

  /// A line's name with where the line ends, of losses.
  func labelled(_ name: String, _ last: Double?) -> String {
    guard self == .loss || self == .validation, let last, last.isFinite else { return name }
    return "\(name)  \(String(format: "%.3f", last))"
  }

  /// What is set and not measured has no noise to smooth.
  var isNoisy: Bool { self != .learningRate && field != nil }
}

extension RunLog {
  /// A measure's records apart from those of steps: a series for each validation set, or each benchmark.
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

  /// Whether there is anything of a measure to draw.
  public func has(_ measure: RunMeasure) -> Bool {
    guard let field = measure.field else { return !series(measure).isEmpty }
    return steps.contains { $0[field].isFinite && (measure != .zLoss || $0[field] != 0) }
  }
}
