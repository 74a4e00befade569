/// What a run's progress is measured in.
public enum RunAxis: String, CaseIterable, Sendable {
  case steps
  case tokens
  case flops
  case time
}

extension RunLog {
  /// Where each record of a step is on an axis; nil where the log does not say.
  public func places(_ axis: RunAxis) -> [Double]? {
    // Validations alone have a step, and no more.
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

  /// Where steps are on an axis, steps without a record between their neighbours; nil where the log does not say.
  func places(of wanted: [Int], _ axis: RunAxis) -> [Double]? {
    if axis == .steps { return wanted.map { Double($0) } }
    guard let places = places(axis) else { return nil }
    return wanted.map { step in
      let after = firstIndex(from: step)
      if after < steps.count && (steps[after].step == step || after == 0) {
        return places[after] * Double(step) / Double(steps[after].step)
      }
      guard after < steps.count else {
        guard let last = steps.last, let place = places.last else { return .nan }
        return place * Double(step) / Double(last.step)
      }
      let (before, next) = (steps[after - 1].step, steps[after].step)
      return places[after - 1] + (places[after] - places[after - 1]) * Double(step - before) / Double(next - before)
    }
  }

  /// The index of the first record of a step that is not before `step`.
  func firstIndex(from step: Int) -> Int {
    var (low, high) = (0, steps.count)
    while low < high {
      let middle = (low + high) / 2
      if steps[middle].step < step { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
