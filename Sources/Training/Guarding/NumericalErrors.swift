import Host
import Inference

/// A number that is not finite. The step or the weights with it were discarded.
public struct NotFiniteError: StatusCarrying, Equatable, CustomStringConvertible {
  /// Where it was found.
  public enum Place: Sendable, Equatable {
    /// In the loss or the gradient, before the update.
    case lossOrGradient(loss: Double, gradientNorm: Double, origin: String)
    /// In the weights, after the update and before they were saved.
    case weights
  }

  public let step: Int
  public let place: Place

  public var exitStatus: ExitStatus { .brokenNumbers }

  public var description: String {
    switch place {
    case .lossOrGradient(let loss, let gradientNorm, let origin):
      "step \(step): the loss is \(loss), the gradient's norm \(gradientNorm); stopped before the update. \(origin). "
        + "\(advice), or set training.on_not_finite to \"skip\""
    case .weights:
      "step \(step): the update has left weights that are not finite; they were not saved. \(advice)"
    }
  }

  private var advice: String {
    "Lower optimizer.learning_rate or training.gradient_clip and start another run, or resume from an earlier "
      + "checkpoint"
  }
}

/// Why the update of a step was skipped.
public enum SkipReason: Sendable, Equatable {
  /// The loss or the gradient was not finite; `origin` says where the first such number was found.
  case notFinite(origin: String)
  /// The spike guard found a spike.
  case spike

  /// The name in the log.
  var name: String {
    switch self {
    case .notFinite: "not_finite"
    case .spike: "spike"
    }
  }
}

/// More steps would be skipped than `training.max_skipped` allows.
public struct TooManySkippedStepsError: StatusCarrying, Equatable, CustomStringConvertible {
  public let step: Int
  public let reason: SkipReason
  public let loss: Double
  public let gradientNorm: Double
  public let allowed: Int

  public var exitStatus: ExitStatus { .brokenNumbers }

  public var description: String {
    var text = "step \(step): the loss is \(loss), the gradient's norm \(gradientNorm)"
    switch reason {
    case .notFinite(let origin): text += "; \(origin)"
    case .spike: text += ", more than training.spike_guard allows"
    }
    return text
      + ". The run has already skipped \(allowed) steps, the limit of training.max_skipped: stopped before the "
      + "update. Raise the limit to continue, or lower optimizer.learning_rate and start another run"
  }
}

/// Ranks have different weights. All ranks compute the same update, so a processor or memory is faulty.
public struct DivergedWeightsError: StatusCarrying, Equatable, CustomStringConvertible {
  public let step: Int
  /// The first tensor that differs.
  public let tensor: String
  /// The ranks that differ from the majority, with their hosts; empty if there is no majority.
  public let ranks: [String]

  public var exitStatus: ExitStatus { .brokenNumbers }

  public var description: String {
    let who =
      ranks.isEmpty
      ? "the ranks' weights differ, first in \(tensor), and no majority of ranks has the same weights"
      : "the weights of \(ranks.joined(separator: ", ")) differ from those of the other ranks, first in \(tensor)"
    return
      "step \(step): \(who). A processor or memory may be faulty. These weights were not saved: start the run again "
      + "to resume from the last checkpoint"
  }
}
