import Foundation
import Host
import Storage

/// This rank's part of one global batch.
public struct Batch {
  /// The local sequences, [sequences][sequenceLength + 1]. Valid until the next call of ``BatchReader/next()``.
  public let tokens: UnsafeBufferPointer<Int32>
  /// The distance of each token from the start of its document or of the sample, whichever is later; nil if
  /// `documentMask` is not set.
  public let positions: UnsafeBufferPointer<Int32>?
  /// The epoch of the global batch's first sample.
  public let epoch: Int
  /// The digest of this batch and all earlier ones of the reader.
  public let digest: UInt64
}

/// Reads the batches of a run, each during the computation of the step before.
///
/// To be used by one thread. Its own thread prefetches into the second of two buffers.
public final class BatchReader {
  private let prefetcher: Prefetcher
  private let thread: SystemThread
  private var delivered = 0

  /// Starts reading.
  ///
  /// - Parameters:
  ///   - mixture: the corpora and the order of their samples.
  ///   - vocabularySize: every token must be below it.
  ///   - globalBatchSize: sequences per step over all ranks.
  ///   - localSequences: the indices of this rank's sequences in the global batch, ascending.
  ///   - documentMask: whether batches have ``Batch/positions``.
  ///   - samplesConsumed: the number of samples, over all ranks, in earlier steps.
  /// - Throws: `ResourceError` if the thread cannot be started.
  public init(
    _ mixture: Mixture, vocabularySize: Int, globalBatchSize: Int, localSequences: [Int],
    documentMask: Bool = false, startingAt samplesConsumed: Int = 0
  ) throws(ResourceError) {
    precondition(zip(localSequences, localSequences.dropFirst()).allSatisfy(<) && !localSequences.isEmpty)
    precondition(localSequences.allSatisfy((0..<globalBatchSize).contains))
    let prefetcher = Prefetcher(
      BatchSequence(
        mixture, vocabularySize: vocabularySize, globalBatchSize: globalBatchSize, localSequences: localSequences,
        documentMask: documentMask, startingAt: samplesConsumed))
    thread = try SystemThread("batch reader") { prefetcher.run() }
    self.prefetcher = prefetcher
  }

  deinit {
    stop()
  }

  /// Returns the next step's batch and releases the one before.
  ///
  /// - Throws: `InvalidFileError` for a token outside the vocabulary or damaged `/documents`, in the step of the affected
  ///   sample and every later one; `StorageError`.
  public func next() throws -> Batch {
    let (buffer, epoch, digest) = try prefetcher.take(step: delivered)
    delivered += 1
    return Batch(
      tokens: UnsafeBufferPointer(buffer.tokens), positions: buffer.positions.map { UnsafeBufferPointer($0) },
      epoch: epoch, digest: digest)
  }

  /// Stops the reading thread and waits for it. ``next()`` must not be called afterwards.
  public func stop() {
    prefetcher.stop()
    thread.join()
  }
}

/// The state that both threads share. The condition guards `produced`, `released`, `isStopping` and `failure`. A slot
/// belongs to the reading thread until its step is counted in `produced`, and again once it is counted in `released`.
private final class Prefetcher: @unchecked Sendable {
  private let slots: [SampleBuffer]
  private var epochs = [0, 0]
  private var digests: [UInt64] = [0, 0]
  // Used only by the reading thread.
  private var batches: BatchSequence
  private var lastDigest: UInt64 = 0

  private let condition = NSCondition()
  private var produced = 0
  private var released = 0
  private var isStopping = false
  private var failure: (any Error)?

  init(_ batches: BatchSequence) {
    self.batches = batches
    slots = (0..<2).map { _ in batches.makeBuffer() }
  }

  /// The reading thread: reads steps as slots become free, until stopped or a step cannot be read.
  func run() {
    var step = 0
    while waitForSlot(step) {
      let result = Result { try read(into: slots[step % 2]) }
      condition.lock()
      switch result {
      case .success(let epoch):
        (epochs[step % 2], digests[step % 2]) = (epoch, lastDigest)
        produced += 1
      case .failure(let error):
        failure = error
      }
      condition.broadcast()
      condition.unlock()
      step += 1
    }
  }

  /// Waits until the slot of `step` is free; false after a stop or a failure.
  private func waitForSlot(_ step: Int) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while step - released >= slots.count && !isStopping && failure == nil { condition.wait() }
    return !isStopping && failure == nil
  }

  /// Reads this rank's part of the next global batch and returns the epoch of the batch's first sample.
  private func read(into buffer: SampleBuffer) throws -> Int {
    let epoch = try batches.next(into: buffer)
    lastDigest = buffer.digest(sequences: batches.localCount, after: lastDigest)
    return epoch
  }

  /// Releases the step before, waits for `step` and returns it.
  func take(step: Int) throws -> (SampleBuffer, epoch: Int, digest: UInt64) {
    condition.lock()
    defer { condition.unlock() }
    precondition(!isStopping, "next() after stop()")
    released = step
    condition.broadcast()
    while produced <= step && failure == nil { condition.wait() }
    if produced <= step, let failure { throw failure }
    return (slots[step % 2], epochs[step % 2], digests[step % 2])
  }

  func stop() {
    condition.lock()
    defer { condition.unlock() }
    isStopping = true
    condition.broadcast()
  }
}

/// Reads this rank's parts of consecutive global batches.
public struct BatchSequence {
  private let reader: SampleReader
  private var cursor: SampleSchedule.Cursor
  private let globalBatchSize: Int
  private let localSequences: [Int]
  private let sequenceLength: Int
  private let documentMask: Bool

  /// The parameters are those of ``BatchReader``.
  public init(
    _ mixture: Mixture, vocabularySize: Int, globalBatchSize: Int, localSequences: [Int], documentMask: Bool,
    startingAt samplesConsumed: Int
  ) {
    reader = SampleReader(mixture.sources, vocabularySize: vocabularySize, documentMask: documentMask)
    cursor = mixture.schedule.cursor(at: samplesConsumed)
    self.globalBatchSize = globalBatchSize
    self.localSequences = localSequences
    sequenceLength = mixture.sources[0].sequenceLength
    self.documentMask = documentMask
  }

  var localCount: Int { localSequences.count }

  func makeBuffer() -> SampleBuffer {
    SampleBuffer(sequences: localSequences.count, sequenceLength: sequenceLength, documentMask: documentMask)
  }

  /// Reads this rank's part of the next global batch and returns the epoch of the batch's first sample.
  mutating func next(into buffer: SampleBuffer) throws -> Int {
    var (epoch, place) = (0, 0)
    for sequence in 0..<globalBatchSize {
      let sample = cursor.next()
      if sequence == 0 { epoch = sample.epoch }
      guard place < localSequences.count, localSequences[place] == sequence else { continue }
      try reader.read(sample.index, of: sample.entry, to: place, in: buffer)
      place += 1
    }
    return epoch
  }

  /// Reads `batches` batches and returns the last one's ``Batch/digest``.
  ///
  /// - Parameter last: the digest of the batch before them.
  ///
  /// - Throws: as ``BatchReader/next()``.
  public mutating func digest(ofNext batches: Int, after last: UInt64) throws -> UInt64 {
    let buffer = makeBuffer()
    var digest = last
    for _ in 0..<batches {
      _ = try next(into: buffer)
      digest = buffer.digest(sequences: localSequences.count, after: digest)
    }
    return digest
  }
}
