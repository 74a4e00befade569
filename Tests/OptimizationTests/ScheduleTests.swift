import Reference
import Testing

@testable import Optimization

@Suite("The learning rate")
struct ScheduleTests {
  @Test(arguments: ScheduleKind.allCases)
  func againstTheReference(_ kind: ScheduleKind) throws {
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
  func staysAtTheEndBeyondIt(_ kind: ScheduleKind) {
    let schedule = LearningRateSchedule(
      kind, learningRate: 1, steps: 50, warmupSteps: 10, finalFraction: 0.25, decaySteps: 20)
    let last = kind == .constant ? 1 : 0.25
    for step in [50, 51, 1000, Int.max] { #expect(schedule.rate(step: step) == last) }
  }

  /// A trial of a long run's first steps ends within the warm-up.
  @Test func theWholeRunMayBeWarmUp() throws {
    let configuration = try Example.read("training.steps=50")
    #expect(configuration.schedule.warmupSteps == 100)
    #expect(configuration.learningRateSchedule.rate(step: 50) == 1e-3 * 50 / 100)
    #expect(configuration.warnings.count == 1 && configuration.warnings[0].contains("schedule.warmup_steps (100)"))
    for kind in ["cosine", "constant"] {
      let schedule = try Example.read(
        "training.steps=10", "schedule.warmup_steps=10", "schedule={\"kind\":\"\(kind)\",\"warmup_steps\":10}"
      ).learningRateSchedule
      #expect(schedule.rate(step: 10) == 1e-3)
      #expect(schedule.rate(step: 11).isFinite)
    }
  }

  @Test func comesFromTheConfiguration() throws {
    let configuration = try Example.read(
      "schedule.kind=wsd", "schedule.decay_steps=40", "schedule.warmup_steps=0", "schedule.final_fraction=0.5",
      "training.steps=100", "optimizer.learning_rate=2")
    let schedule = configuration.learningRateSchedule
    #expect([1, 60, 80, 100].map(schedule.rate(step:)) == [2, 2, 1.5, 1])
    #expect(configuration.warnings.isEmpty)
  }
}
