import Synchronization

/// What a rank is doing: written by its training thread, read by the thread of its watchdog.
public final class RankActivity: Sendable {
  /// The phases of a run.
  enum Phase: Int, Sendable {
    case starting, agreeing, reading, computing, summing, updating, comparing, validating, saving, ending

    /// Whether the phase belongs to a step, so that the watchdog's limit for steps applies.
    var isOfStep: Bool {
      switch self {
      case .agreeing, .reading, .computing, .summing, .updating, .comparing: true
      case .starting, .validating, .saving, .ending: false
      }
    }

    var text: String {
      switch self {
      case .starting: "starting"
      case .agreeing: "waiting for the other ranks"
      case .reading: "reading its sequences"
      case .computing: "computing"
      case .summing: "waiting for the other ranks' gradients"
      case .updating: "updating the weights"
      case .comparing: "comparing its weights with the other ranks'"
      case .validating: "validating"
      case .saving: "saving"
      case .ending: "ending"
      }
    }
  }

  /// A phase, and the step that it belongs to or follows.
  struct Moment: Sendable, Equatable {
    var phase: Phase
    var step: Int
  }

  /// The step and, in the lowest four bits, the phase: one word, so that both are read together.
  private let word = Atomic<Int>(0)

  /// Enters a phase of the current step.
  func enter(_ phase: Phase) { enter(phase, step: now.step) }

  func enter(_ phase: Phase, step: Int) { word.store(step << 4 | phase.rawValue, ordering: .relaxed) }

  var now: Moment {
    let word = word.load(ordering: .relaxed)
    return Moment(phase: Phase(rawValue: word & 15) ?? .starting, step: word >> 4)
  }
}
