import Reference
import Testing

@testable import Optimization

@Suite struct ScheduleTests {
  @Test(arguments: ScheduleKind.allCases)
  func `the learning rate equals the reference`(_ kind: ScheduleKind) throws {
    let referenceKind = try #require(ReferenceSchedule.Kind(rawValue: kind.rawValue))
    for (steps, warmup, decay) in [(1, 0, 1), (10, 0, 10), (200, 20, 50), (1000, 1, 999), (777, 100, 1)] {
      for final in [0, 0.1, 1] {
        let schedule = LearningRateSchedule(
          kind, learningRate: 3e-3, steps: steps, warmupSteps: warmup, finalFraction: final, decaySteps: decay)
        let reference = ReferenceSchedule(
          referenceKind, learningRate: 3e-3, warmupSteps: warmup, steps: steps, finalFraction: final,
          decaySteps: decay)
        for step in 1...steps {
          let (rate, expected) = (schedule.rate(step: step), reference.rate(step: step))
          #expect(abs(rate - expected) <= 1e-15 * 3e-3, "\(kind) \(steps) \(warmup) \(decay), step \(step)")
        }
      }
    }
  }

  @Test(arguments: ScheduleKind.allCases)
  func `the learning rate stays constant after the last step`(_ kind: ScheduleKind) {
    let schedule = LearningRateSchedule(
      kind, learningRate: 1, steps: 50, warmupSteps: 10, finalFraction: 0.25, decaySteps: 20)
    let last = kind == .constant ? 1 : 0.25
    for step in [50, 51, 1000, Int.max] { #expect(schedule.rate(step: step) == last) }
  }
}
