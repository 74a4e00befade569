import Inference
import Testing
import Transformer

@testable import Server

@Suite struct EngineTests {
  private func task(
    _ index: Int, _ prompt: [Int32], _ listener: Recorder, count: Int = 12, sampling: Sampling = .greedy,
    ends: Set<Int32> = [], logprobs: Int? = nil, scoresPrompt: Bool = false
  ) -> SequenceTask {
    SequenceTask(
      prompt: prompt, maximumTokens: count, sampling: sampling, seed: UInt64(7 + index), endTokens: ends,
      logprobs: logprobs, scoresPrompt: scoresPrompt, index: index, listener: listener)
  }

  private func engine(
    _ decoding: HiddenDecoding = .vanilla, running: Int = 16, waiting: Int = 64, cacheBytes: Int = 1 << 30
  ) throws -> Engine {
    try Engine(
      SmallModel.decoder(decoding), Engine.Limits(running: running, waiting: waiting, cacheBytes: cacheBytes))
  }

  /// Short and long prompts, greedy and sampled, with and without scores; some are longer than one pass.
  private func mixture(_ listener: Recorder) -> [SequenceTask] {
    [3, 40, 700, 1, 130, 512, 513, 9].enumerated().map { index, length in
      task(
        index, SmallModel.tokens(length, seed: index + 1), listener, count: index == 4 ? 0 : 5 + 3 * index,
        sampling: index % 2 == 0
          ? .greedy : Sampling(temperature: 1.5, topK: 90, topP: 0.97, repetitionPenalty: index == 3 ? 1.2 : 1),
        logprobs: index % 3 == 0 ? nil : 3, scoresPrompt: index == 2 || index == 4)
    }
  }

  @Test(arguments: SmallModel.patterns) func `a sequence's results do not depend on the other sequences`(
    _ decoding: HiddenDecoding
  ) throws {
    let (together, inTwos, alone) = (Recorder(), Recorder(), Recorder())
    let tasks = mixture(together)
    let many = try engine(decoding)
    try many.submit(tasks)
    let pair = try engine(decoding, running: 2)
    try pair.submit(mixture(inTwos))
    #expect(together.wait(for: tasks.count) && inTwos.wait(for: tasks.count))
    for (index, task) in mixture(alone).enumerated() {
      try many.submit([task])
      #expect(alone.wait(for: index + 1))
    }
    #expect(together.all == alone.all)
    #expect(inTwos.all == alone.all)
    for (index, task) in tasks.enumerated() {
      let record = try #require(together.all[index])
      #expect(record.tokens.count == task.maximumTokens && record.reason == .length && record.promptsDone == 1)
      #expect(record.scores.count == (task.logprobs == nil ? 0 : task.maximumTokens))
      #expect(record.promptScores.count == (task.scoresPrompt ? task.prompt.count - 1 : 0))
    }
    many.stop(within: 1)
    pair.stop(within: 1)
  }

  @Test(arguments: SmallModel.patterns) func `tokens and log-probabilities equal those of phd generate`(
    _ decoding: HiddenDecoding
  ) throws {
    let prompts = [700, 12].map { SmallModel.tokens($0) }
    for sampling in [Sampling.greedy, Sampling(temperature: 2, topP: 0.9)] {
      let recorder = Recorder()
      let engine = try engine(decoding)
      try engine.submit(
        prompts.enumerated().map { task($0, $1, recorder, sampling: sampling, logprobs: 2, scoresPrompt: $0 == 1) })
      #expect(recorder.wait(for: 2))
      engine.stop(within: 1)
      for (index, prompt) in prompts.enumerated() {
        let decoder = SmallModel.decoder(decoding)
        let expected = try Generation(decoder, maximumTokens: 12, sampling: sampling, seed: UInt64(7 + index))
          .run([prompt], seconds: { 0 }, onToken: { _, _ in true }).sequences[0]
        let record = try #require(recorder.all[index])
        #expect(record.tokens == expected.tokens)
        for (score, expected) in zip(record.scores, expected.logProbabilities) {
          #expect(abs(score.logProbability - expected) < 1e-4)
        }
        if sampling == .greedy {
          #expect(zip(record.tokens, record.scores).allSatisfy { $0 == $1.likeliest.first?.token })
        }
      }
      var scores: [Float] = []
      let decoder = SmallModel.decoder(decoding)
      decoder.extend([KVCache(for: decoder.model, capacity: 12)], by: [prompts[1]], logits: .all) {
        _, position, logits in
        if position < 11 { scores.append(Sampler.logProbability(Int(prompts[1][position + 1]), logits)) }
      }
      let found = recorder.all[1]?.promptScores.map(\.logProbability) ?? []
      #expect(found.count == 11 && zip(found, scores).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }

  @Test func `an end token ends its sequence only, and is reported`() throws {
    let (free, ended) = (Recorder(), Recorder())
    let engine = try engine()
    let prompts = [SmallModel.tokens(9), SmallModel.tokens(5, seed: 2)]
    try engine.submit(prompts.enumerated().map { task($0, $1, free, sampling: Sampling(temperature: 3)) })
    #expect(free.wait(for: 2))
    let end = try #require(free.all[0]?.tokens[4])
    try engine.submit(
      prompts.enumerated().map { task($0, $1, ended, sampling: Sampling(temperature: 3), ends: [end]) })
    #expect(ended.wait(for: 2))
    let whole = free.all[0]?.tokens ?? []
    let first = try #require(whole.firstIndex(of: end))
    #expect(ended.all[0]?.tokens == Array(whole[...first]) && ended.all[0]?.reason == .stop)
    if free.all[1]?.tokens.contains(end) == false { #expect(ended.all[1]?.tokens == free.all[1]?.tokens) }
    engine.stop(within: 1)
  }

  @Test func `cancelled sequences end at once, and queue and cache are limited`() throws {
    let engine = try engine(running: 1, waiting: 2)
    let (left, waiting, late) = (Recorder(), Recorder(), Recorder())
    try engine.submit([task(0, [1, 2], left, count: 1_000_000)])
    #expect(eventually { (left.all[0]?.tokens.count ?? 0) > 3 })
    try engine.submit([task(0, [3], waiting), task(1, [4], waiting)])
    #expect { try engine.submit([self.task(0, [5], late)]) } throws: { ($0 as? APIError)?.status == 429 }
    // Either all sequences are queued, or none.
    left.cancel()
    #expect(left.wait(for: 1) && waiting.wait(for: 2))
    #expect((left.all[0]?.tokens.count ?? 0) < 1_000_000)
    // Cancelled sequences make room in the queue.
    try engine.submit([task(0, [1, 2], late, count: 1_000_000)])
    #expect(eventually { !late.all.isEmpty })
    let gone = Recorder()
    try engine.submit([task(0, [3], gone), task(1, [4], gone)])
    gone.cancel()
    try engine.submit([task(1, [5], late), task(2, [6], late)])
    late.cancel()
    engine.stop(within: 1)

    let one = KVCache.bytes(SmallModel.configuration, .vanilla, .fp32, capacity: 64)
    let small = try Engine(
      SmallModel.decoder(.vanilla), Engine.Limits(running: 9, waiting: 9, cacheBytes: one + one / 2))
    let recorder = Recorder()
    #expect { try small.submit([self.task(0, [1], recorder, count: 200)]) } throws: {
      ($0 as? APIError)?.code == "context_length_exceeded"
    }
    try small.submit((0..<5).map { task($0, [Int32($0)], recorder, count: 40) })
    var most = 0
    #expect(
      eventually {
        most = max(most, small.counts.running.load(ordering: .relaxed))
        return recorder.all.values.count { $0.reason == .length } == 5
      })
    #expect(most <= 1)
    small.stop(within: 1)
  }

  @Test func `stopping rejects waiting sequences and aborts running ones after the grace period`() throws {
    let engine = try engine(running: 1)
    let (short, long) = (Recorder(), Recorder())
    try engine.submit([task(0, [1, 2], long, count: 1_000_000)])
    #expect(eventually { !long.all.isEmpty })
    try engine.submit([task(0, [1], short)])
    engine.stop(within: 0.3)
    #expect(short.wait(for: 1) && short.all[0]?.reason == .failed(.stopping))
    #expect { try engine.submit([self.task(1, [1], short)]) } throws: { $0 as? APIError == .stopping }
    #expect(long.wait(for: 1) && long.all[0]?.reason == .failed(.stopping))
    #expect(eventually { engine.isStopped })

    let other = try self.engine()
    let recorder = Recorder()
    try other.submit([task(0, [1, 2], recorder, count: 100)])
    #expect(eventually { !recorder.all.isEmpty })
    other.stop(within: 60)
    #expect(recorder.wait(for: 1) && recorder.all[0]?.reason == .length)
  }

  @Test func `a sequence with logits that are not finite fails alone`() throws {
    let (whole, broken) = (Recorder(), Recorder())
    let engine = try Engine(
      SmallModel.decoder(.vanilla, brokenToken: 261), Engine.Limits(running: 16, waiting: 64, cacheBytes: 1 << 30))
    let other = SmallModel.tokens(9)
    try engine.submit([
      task(0, [3, 261, 4], broken), task(1, other, broken), task(2, [261, 1], broken, logprobs: 2, scoresPrompt: true),
    ])
    #expect(broken.wait(for: 3))
    #expect(broken.all[0] == Recorder.Record(reason: .failed(.brokenNumbers)))
    #expect(broken.all[2] == Recorder.Record(reason: .failed(.brokenNumbers)))
    #expect(APIError.brokenNumbers.status == 500)
    let sound = try self.engine()
    try sound.submit([task(1, other, whole)])
    #expect(whole.wait(for: 1) && broken.all[1] == whole.all[1])
    engine.stop(within: 1)
    sound.stop(within: 1)
  }
}
