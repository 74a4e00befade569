import Optimization
import Testing

@testable import Configuration

@Suite struct ScheduleSectionTests {
  @Test func `a run may end within the warm-up`() throws {
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

  @Test func `the schedule has the settings of the configuration`() throws {
    let configuration = try Example.read(
      "schedule.kind=wsd", "schedule.decay_steps=40", "schedule.warmup_steps=0", "schedule.final_fraction=0.5",
      "training.steps=100", "optimizer.learning_rate=2")
    let schedule = configuration.learningRateSchedule
    #expect([1, 60, 80, 100].map(schedule.rate(step:)) == [2, 2, 1.5, 1])
    #expect(configuration.warnings.isEmpty)
  }
}
