import Display
import RunFiles

/// Puts a log's step records in order.
///
/// A run writes its steps in order, and truncates its log before it resumes. If step numbers still go backwards, logs
/// were concatenated or damaged. A single record that does not fit between its neighbours is dropped; otherwise, later
/// records replace earlier ones.
struct StepOrder {
  private(set) var steps: [StepRecord] = []
  /// Places where the log goes back: discard records before `index` with a step ≥ `step`.
  private var cuts: [(index: Int, step: Int)] = []
  private(set) var problems: [String] = []

  /// - Parameter starts: the index of the first step record after each start of the program.
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
      problems.append("\(StepOrder.were(repeated)) recorded twice in a row; the later record is used")
    }
    if stray > 0 { problems.append("\(StepOrder.were(stray)) out of order and ignored") }
  }

  /// Whether to keep a record that is not a step.
  ///
  /// - Parameters:
  ///   - step: the record's step; a record without a step is kept.
  ///   - index: the number of step records before it.
  func isKept(step: Int?, index: Int) -> Bool {
    guard let step else { return true }
    return !cuts.contains { index <= $0.index && step >= $0.step }
  }

  /// "1 step was", "3 steps were".
  private static func were(_ count: Int) -> String { "\(Quantity.count(count, "step")) \(count == 1 ? "was" : "were")" }

  private mutating func cut(before index: Int, from step: Int) {
    if let last = steps.last {
      problems.append(
        "the log goes back from step \(last.step) to step \(step), as if it contained two runs; the later records are "
          + "used")
    }
    while let last = steps.last, last.step >= step { steps.removeLast() }
    cuts.append((index, step))
  }
}
