import Foundation
import Host
import Inference
import Kernels
import Synchronization

/// Runs many sequences through one model together (continuous batching), on its own thread.
///
/// Each round decodes one token for every running sequence whose prompt is complete, in one pass over the weights, or
/// in several if there are more sequences than ``Decoder/tokensPerPass``. Then it prefills unfinished prompts of
/// running sequences, or pieces of them, in one more pass. Sequences start in the order of their submission, when there
/// is a free slot and memory for the KV cache. The results of a sequence are bit-identical whatever other sequences
/// run.
public final class Engine: @unchecked Sendable {
  // Unchecked: `condition` guards `waiting`, the flags and `deadline`. Only the engine's thread uses `running`,
  // `usedBytes` and, except for its constant model, `decoder`.

  /// Load limits.
  public struct Limits: Sendable {
    /// The maximum number of running sequences.
    public var running: Int
    /// The maximum number of waiting sequences.
    public var waiting: Int
    /// The maximum total size of the running sequences' caches, in bytes.
    public var cacheBytes: Int

    public init(running: Int, waiting: Int, cacheBytes: Int) {
      self.running = running
      self.waiting = waiting
      self.cacheBytes = cacheBytes
    }
  }

  /// Counters since the start, and gauges of the current state.
  final class Counts: Sendable {
    let promptTokens = Atomic<Int>(0)
    let generatedTokens = Atomic<Int>(0)
    let running = Atomic<Int>(0)
    let waiting = Atomic<Int>(0)
    let cacheBytes = Atomic<Int>(0)
  }

  public let limits: Limits
  let counts = Counts()

  private let decoder: Decoder
  private let condition = NSCondition()
  private var waiting: [SequenceTask] = []
  private var isStopping = false
  /// The time at which running sequences are aborted; nil unless the engine is stopping.
  private var deadline: ContinuousClock.Instant?
  private var hasStopped = false

  private var running: [RunningSequence] = []
  private var usedBytes = 0

  /// - Throws: `ResourceError` if the thread cannot be started.
  public init(_ decoder: Decoder, _ limits: Limits) throws(ResourceError) {
    self.decoder = decoder
    self.limits = limits
    _ = try SystemThread("engine") { [self] in serve() }
  }

  /// The size of a sequence's cache, in bytes.
  private func bytes(_ task: SequenceTask) -> Int {
    KVCache.bytes(
      decoder.model.configuration, decoder.model.hiddenDecoding, decoder.model.weights.precision,
      capacity: task.capacity)
  }

  /// Queues all sequences or none.
  ///
  /// - Throws: ``APIError``: 429 if the queue is full, 503 if the engine is stopping, 400 if a sequence exceeds the limits.
  func submit(_ tasks: [SequenceTask]) throws(APIError) {
    for task in tasks where bytes(task) > limits.cacheBytes {
      throw APIError(
        400,
        "\(task.prompt.count) prompt tokens and \(task.maximumTokens) new tokens need a KV cache of \(bytes(task)) bytes; "
          + "the server's limit is \(limits.cacheBytes)", parameter: "max_tokens", code: "context_length_exceeded")
    }
    condition.lock()
    defer { condition.unlock() }
    if isStopping { throw .stopping }
    waiting.removeAll { $0.listener.isCancelled }
    if waiting.count + tasks.count > limits.waiting {
      throw .overloaded("\(waiting.count) sequences are waiting, and the limit is \(limits.waiting)")
    }
    waiting += tasks
    counts.waiting.store(waiting.count, ordering: .relaxed)
    condition.signal()
  }

  /// Rejects new and waiting sequences. Running sequences may continue for a while.
  ///
  /// - Parameter seconds: the time until running sequences are aborted.
  public func stop(within seconds: Double) {
    condition.lock()
    isStopping = true
    deadline = .now + .seconds(seconds)
    condition.signal()
    condition.unlock()
  }

  /// Whether the engine has stopped.
  public var isStopped: Bool {
    condition.lock()
    defer { condition.unlock() }
    return hasStopped
  }

  // MARK: - Thread

  private func serve() {
    while let (admitted, refused) = next() {
      for task in refused { task.listener.ended(task.index, .failed(.stopping)) }
      for task in admitted {
        usedBytes += bytes(task)
        running.append(RunningSequence(task, KVCache(for: decoder.model, capacity: task.capacity)))
      }
      dropCancelled()
      decode()
      prefill()
      running.removeAll { sequence in
        if sequence.hasEnded { usedBytes -= bytes(sequence.task) }
        return sequence.hasEnded
      }
      counts.running.store(running.count, ordering: .relaxed)
      counts.cacheBytes.store(usedBytes, ordering: .relaxed)
    }
    condition.lock()
    hasStopped = true
    condition.unlock()
  }

  /// Waits for work. Returns the sequences to start and those to reject; nil when the engine should stop.
  private func next() -> (admitted: [SequenceTask], refused: [SequenceTask])? {
    condition.lock()
    defer { condition.unlock() }
    while waiting.isEmpty && running.isEmpty && !isStopping { condition.wait() }
    defer { counts.waiting.store(waiting.count, ordering: .relaxed) }
    if isStopping {
      if waiting.isEmpty && running.isEmpty { return nil }
      defer { waiting = [] }
      if let deadline, ContinuousClock.now > deadline { for sequence in running { sequence.end(.failed(.stopping)) } }
      return ([], waiting)
    }
    waiting.removeAll { $0.listener.isCancelled }
    var (count, free) = (0, limits.cacheBytes - usedBytes)
    while count < waiting.count, running.count + count < limits.running, bytes(waiting[count]) <= free {
      free -= bytes(waiting[count])
      count += 1
    }
    defer { waiting.removeFirst(count) }
    return (Array(waiting[..<count]), [])
  }

  private func dropCancelled() {
    for sequence in running where !sequence.hasEnded && sequence.task.listener.isCancelled { sequence.end(.stop) }
  }

  /// Decodes one token for each sequence whose prompt is complete.
  private func decode() {
    let sequences = running.filter { !$0.hasEnded && $0.next != nil }
    // At most as many as the decoder processes in one pass.
    for start in stride(from: 0, to: sequences.count, by: decoder.tokensPerPass) {
      let part = sequences[start..<min(start + decoder.tokensPerPass, sequences.count)].map { $0 }
      decoder.extend(part.map(\.cache), by: part.map { $0.next.map { [$0] } ?? [] }) { index, _, logits in
        advance(part[index], logits)
      }
    }
  }

  /// Prefills the next pieces of prompts, at most as many tokens as the decoder processes in one pass.
  private func prefill() {
    var room = decoder.tokensPerPass
    var sequences: [RunningSequence] = []
    for sequence in running where !sequence.hasEnded && sequence.next == nil {
      let count = sequence.piece(atMost: decoder.tokensPerPass).count
      if count > room { break }
      room -= count
      sequences.append(sequence)
    }
    if sequences.isEmpty { return }
    let pieces = sequences.map { Array($0.piece(atMost: decoder.tokensPerPass)) }
    var scores: [[TokenScore]] = sequences.map { _ in [] }
    decoder.extend(sequences.map(\.cache), by: pieces, logitsFrom: sequences.map(\.firstWanted)) {
      index, position, logits in
      let (sequence, task) = (sequences[index], sequences[index].task)
      if sequence.hasEnded { return }
      guard logits.areFinite else { return sequence.end(.failed(.brokenNumbers)) }
      if task.scoresPrompt && position + 1 < task.prompt.count {
        scores[index].append(TokenScore(of: task.prompt[position + 1], logits, likeliest: task.logprobs ?? 0))
      }
      if position + 1 < task.prompt.count { return }
      if !scores[index].isEmpty { task.listener.promptScored(task.index, scores[index]) }
      scores[index] = []
      task.listener.promptDone(task.index)
      advance(sequence, logits)
    }
    for (sequence, scores) in zip(sequences, scores) where !scores.isEmpty && !sequence.hasEnded {
      sequence.task.listener.promptScored(sequence.task.index, scores)
    }
    counts.promptTokens.wrappingAdd(pieces.reduce(0) { $0 + $1.count }, ordering: .relaxed)
  }

  private func advance(_ sequence: RunningSequence, _ logits: UnsafeBufferPointer<Float>) {
    guard logits.areFinite else { return sequence.end(.failed(.brokenNumbers)) }
    let before = sequence.count
    sequence.advance(logits)
    counts.generatedTokens.wrappingAdd(sequence.count - before, ordering: .relaxed)
  }
}
