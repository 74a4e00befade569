import Host

/// The parts of a step that its time is told by.
public enum StepPart: String, Sendable, CaseIterable {
  /// Products with the query, key, value and output weights, their gradients' included.
  case projections
  case attentionForward = "attention_forward"
  case attentionBackward = "attention_backward"
  /// Products with the gate, up and down weights, their gradients' included.
  case feedForward = "feed_forward"
  /// The vocabulary's products and the loss.
  case head
  /// Norms, rotations, activations, residual sums, the embedding.
  case elementwise
  /// Norm, clipping, AdamW, and the gradients' clearing.
  case optimizer
  /// Waiting for other ranks' gradients and losses.
  case communication
  case data
}

/// Tells a step's time by its parts: each mark gives the time since the last one to a part.
///
/// A step without a clock costs nothing more than a test of nil at each mark.
public final class StepClock {
  /// Seconds since the clock was made, by part.
  public private(set) var seconds: [StepPart: Double] = [:]
  private var last: ContinuousClock.Instant

  public init() { last = .now }

  /// Leaves the time since the last mark out.
  public func restart() { last = .now }

  /// Gives the time since the last mark to `part`.
  public func mark(_ part: StepPart) {
    let now = ContinuousClock.now
    seconds[part, default: 0] += (now - last).inSeconds
    last = now
  }
}
