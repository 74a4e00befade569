import Synchronization

/// What a rank is doing: written by its training thread, read by its watchdog's.
public final class RankActivity: Sendable {
  /// What a rank may be doing.
  enum Phase: Int, Sendable {
    case starting, agreeing, reading, computing, summing, updating, comparing, validating, saving, ending

    /// Whether the watchdog's limit for a step counts.
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

  /// The step and, in the lowest four bits, the phase: one word, so that the two always fit together.
  private let word = Atomic<Int>(0)

  /// The rank now does this, for the step that it was in.
  func enter(_ phase: Phase) { enter(phase, step: now.step) }

  func enter(_ phase: Phase, step: Int) { word.store(step << 4 | phase.rawValue, ordering: .relaxed) }

  var now: Moment {
    let word = word.load(ordering: .relaxed)
    return Moment(phase: Phase(rawValue: word & 15) ?? .starting, step: word >> 4)
  }
}
