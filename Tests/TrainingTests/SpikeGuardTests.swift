import Testing

@testable import Configuration
@testable import RunFiles
@testable import Training

@Suite struct SpikeGuardTests {
  private let spikes = SpikeGuard(zScore: 3, window: 16)

  @Test func `no step is a spike before the window is full`() {
    var history = SpikeHistory()
    for step in 0..<16 { #expect(!spikes.isSpike(loss: step == 9 ? 1e9 : 1, gradientNorm: 1, &history)) }
    #expect(history.losses.count == 16)
  }

  @Test func `a step is a spike if either value is too high`() {
    var history = SpikeHistory()
    for step in 0..<16 { _ = spikes.isSpike(loss: 3 + 0.1 * Double(step % 2), gradientNorm: 1, &history) }
    let quiet = history
    // Mean 3.05, deviation 0.05: the limit is 3.2.
    for (loss, norm, expected) in [
      (3.199, 1, false), (3.201, 1, true), (0.1, 0.1, false), (3, 1.002, false), (3, 1.5, true),
    ] {
      history = quiet
      #expect(spikes.isSpike(loss: loss, gradientNorm: norm, &history) == expected, "\(loss) \(norm)")
    }
  }

  @Test func `the guard detects consecutive spikes and adapts to a new level`() {
    var history = SpikeHistory()
    for step in 0..<16 { _ = spikes.isSpike(loss: 3 + 0.1 * Double(step % 2), gradientNorm: 1, &history) }
    #expect(spikes.isSpike(loss: 1e30, gradientNorm: 1, &history))
    #expect(spikes.isSpike(loss: 4, gradientNorm: 1, &history))
    #expect(!spikes.isSpike(loss: 3, gradientNorm: 1, &history))
    let skipped = (0..<100).count { _ in spikes.isSpike(loss: 6, gradientNorm: 1, &history) }
    #expect((2..<30).contains(skipped))
    #expect(history.losses.count == 16 && history.losses.allSatisfy { $0 <= 6 })
  }

  @Test func `a shorter window keeps the newest values`() {
    var history = SpikeHistory()
    for step in 0..<16 { _ = spikes.isSpike(loss: Double(step), gradientNorm: 1, &history) }
    _ = SpikeGuard(zScore: 3, window: 8).isSpike(loss: 12, gradientNorm: 1, &history)
    #expect(history.losses == [9, 10, 11, 12, 13, 14, 15, 12])
  }

  @Test func `progress survives the conversion to words and back`() {
    var progress = RunProgress()
    (progress.step, progress.skippedSteps, progress.samples, progress.tokens) = (7, 2, 1 << 40, 1 << 50)
    progress.awaitsValidation = true
    progress.history = .init(losses: [1.5, -0.0, .pi], gradientNorms: [1e-300, 2, 3])
    #expect(RunProgress(words: progress.words) == progress)
  }
}
