import Host
import Inference

/// A number that is not finite. What it was found in was not used any further.
public struct NotFiniteError: StatusCarrying, Equatable, CustomStringConvertible {
  /// Where it was found.
  public enum Place: Sendable, Equatable {
    /// Before the step's update.
    case lossOrGradient(loss: Double, gradientNorm: Double, origin: String)
    /// After it, and before they were saved.
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
    "Lower optimizer.learning_rate or training.gradient_clip and start another run, or resume from an earlier checkpoint"
  }
}

/// Why a step's update was left out.
public enum SkippedStep: Sendable, Equatable {
  /// The loss or the gradient was not finite; with what is known of where that began.
  case notFinite(origin: String)
  /// The spike guard's.
  case spike

  /// The log's name for it.
  var name: String {
    switch self {
    case .notFinite: "not_finite"
    case .spike: "spike"
    }
  }
}

/// More steps were left out than `training.max_skipped` allows.
public struct SkippedTooOftenError: StatusCarrying, Equatable, CustomStringConvertible {
  public let step: Int
  public let reason: SkippedStep
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
    return text + ". \(allowed) steps were left out before, as many as training.max_skipped allows: stopped before the "
      + "update. Raise it to go on, or lower optimizer.learning_rate and start another run"
  }
}

/// Ranks whose weights are not the others': each of them computes the same update, so one of them computed wrong, or
/// its memory changed.
public struct DivergedWeightsError: StatusCarrying, Equatable, CustomStringConvertible {
  public let step: Int
  /// The first tensor that differs.
  public let tensor: String
  /// The ranks that are not like the most of them, and where they run; empty where there are no most.
  public let ranks: [String]

  public var exitStatus: ExitStatus { .brokenNumbers }

  public var description: String {
    let who =
      ranks.isEmpty
      ? "the ranks' weights differ, first in \(tensor), and none of them are those of most ranks"
      : "the weights of \(ranks.joined(separator: ", ")) are not those of the other ranks, first in \(tensor)"
    return "step \(step): \(who). A processor or memory may be faulty; nothing of it was saved: started again, the run "
      + "goes on from its last checkpoint"
  }
}
