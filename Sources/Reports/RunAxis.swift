/// The quantity that measures a run's progress.
public enum RunAxis: String, CaseIterable, Sendable {
  case steps
  case tokens
  case flops
  case time
}

extension RunLog {
  /// The position of each step record on an axis; nil if the log does not record it.
  public func positions(_ axis: RunAxis) -> [Double]? {
    // Without step records, only the steps of validations are known.
    guard axis == .steps || !steps.isEmpty else { return nil }
    switch axis {
    case .steps: return steps.map { Double($0.step) }
    case .tokens:
      return steps.contains { $0[.tokens].isNaN } ? nil : steps.map { $0[.tokens] }
    case .flops:
      guard let flopsPerStep else { return nil }
      return steps.map { Double($0.step) * flopsPerStep }
    case .time:
      return steps.contains { $0[.seconds].isNaN } ? nil : elapsed
    }
  }

  /// The positions of steps on an axis, interpolated for steps without a record; nil if the log does not record them.
  func positions(of wanted: [Int], _ axis: RunAxis) -> [Double]? {
    if axis == .steps { return wanted.map { Double($0) } }
    guard let positions = positions(axis) else { return nil }
    return wanted.map { step in
      let after = firstIndex(from: step)
      if after < steps.count && (steps[after].step == step || after == 0) {
        return positions[after] * Double(step) / Double(steps[after].step)
      }
      guard after < steps.count else {
        guard let last = steps.last, let position = positions.last else { return .nan }
        return position * Double(step) / Double(last.step)
      }
      let (before, next) = (steps[after - 1].step, steps[after].step)
      return positions[after - 1] + (positions[after] - positions[after - 1]) * Double(step - before)
        / Double(next - before)
    }
  }

  /// The index of the first record whose step is `step` or later.
  func firstIndex(from step: Int) -> Int {
    var (low, high) = (0, steps.count)
    while low < high {
      let middle = (low + high) / 2
      if steps[middle].step < step { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
