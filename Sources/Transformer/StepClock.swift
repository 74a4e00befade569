import Host

/// The parts of a training step whose time is measured.
public enum StepPart: String, Sendable, CaseIterable {
  /// Products with the query, key, value and output weights, forward and backward.
  case projections
  case attentionForward = "attention_forward"
  case attentionBackward = "attention_backward"
  /// Products with the gate, up and down weights, forward and backward.
  case feedForward = "feed_forward"
  /// Products with the head's weight, and the loss.
  case head
  /// Norms, rotations, activations, residual sums, the embedding.
  case elementwise
  /// Gradient norm, clipping, AdamW, and zeroing the gradients.
  case optimizer
  /// Waiting for other ranks' gradients and losses.
  case communication
  case data
}

/// Measures the time of a step's parts: each mark adds the time since the previous mark to one part.
public final class StepClock {
  /// Seconds per part since the clock was created.
  public private(set) var seconds: [StepPart: Double] = [:]
  private var last: ContinuousClock.Instant

  public init() { last = .now }

  /// Discards the time since the last mark.
  public func restart() { last = .now }

  /// Adds the time since the last mark to `part`.
  public func mark(_ part: StepPart) {
    let now = ContinuousClock.now
    seconds[part, default: 0] += (now - last).inSeconds
    last = now
  }
}
