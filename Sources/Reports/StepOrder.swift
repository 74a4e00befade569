import Display
import RunFiles

/// A log's steps put in order.
///
/// A run writes its steps in order, and cuts its log back before it goes on. Where steps go back nevertheless, somebody
/// has joined logs or damaged one: a single record that fits neither its neighbours before nor after is dropped, and
/// otherwise what was written later counts.
struct StepOrder {
  private(set) var steps: [StepRecord] = []
  /// Where the log goes back: what stands before the record of that index and belongs to that step, or a later one, is
  /// told again.
  private var cuts: [(index: Int, step: Int)] = []
  private(set) var faults: [String] = []

  /// - Parameter starts: the indices of the records that the program's starts stand before.
  init(_ records: [StepRecord], startingAt starts: [Int]) {
    let disorder = records.indices.dropFirst().first { records[$0].step <= records[$0 - 1].step }
    guard let disorder else {
      steps = records
      return
    }
    let starts = Set(starts)
    steps.reserveCapacity(records.count)
    steps += records[..<disorder]
    var (repeated, stray) = (0, 0)
    for index in disorder..<records.count {
      let record = records[index]
      if let last = steps.last, record.step <= last.step {
        let next = index + 1 < records.count ? records[index + 1].step : Int.min
        let before = steps.count > 1 ? steps[steps.count - 2].step : 0
        if starts.contains(index) {
          cut(before: index, from: record.step)
        } else if record.step == last.step {
          repeated += 1
          steps.removeLast()
        } else if next > last.step {
          stray += 1
          continue
        } else if record.step > before {
          stray += 1
          steps.removeLast()
        } else {
          cut(before: index, from: record.step)
        }
      }
      steps.append(record)
    }
    if repeated > 0 {
      faults.append("twice in a row, and the later record counts: \(Quantity.count(repeated, "step"))")
    }
    if stray > 0 { faults.append("out of order and left out: \(Quantity.count(stray, "step"))") }
  }

  /// Whether a record that is no step's still counts.
  ///
  /// - Parameters:
  ///   - step: the record's; one without is kept.
  ///   - index: how many records of steps stand before it.
  func isKept(step: Int?, index: Int) -> Bool {
    guard let step else { return true }
    return !cuts.contains { index <= $0.index && step >= $0.step }
  }

  private mutating func cut(before index: Int, from step: Int) {
    if let last = steps.last {
      faults.append(
        "the log goes back from step \(last.step) to step \(step), as if two runs were in it; what was written later "
          + "counts")
    }
    while let last = steps.last, last.step >= step { steps.removeLast() }
    cuts.append((index, step))
  }
}
