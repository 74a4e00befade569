import Foundation
import Storage
import SystemResources

/// This rank's part of one global batch.
public struct Batch {
  /// The local sequences one after another, `sequenceLength + 1` tokens each. Valid until the next batch is asked for.
  public let tokens: UnsafeBufferPointer<Int32>
  /// How far each of these is from its document's start, or from the sample's where that is later; nil without
  /// `documentMask`.
  public let positions: UnsafeBufferPointer<Int32>?
  /// The epoch of the global batch's first sample.
  public let epoch: Int
  /// How long the step waited for the disk.
  public let waitSeconds: Double
  /// Of this batch and all before it that the reader has read.
  public let digest: UInt64
}

/// Reads a run's batches, each while the step before it computes.
///
/// Used by one thread; another, its own, reads ahead into the second of two buffers.
public final class BatchReader {
  private let readAhead: ReadAhead
  private let thread: SystemThread
  private var delivered = 0

  /// Starts reading.
  ///
  /// - Parameters:
  ///   - mixture: what the samples are drawn from.
  ///   - vocabularySize: every token must be below it.
  ///   - globalBatchSize: sequences a step, of all ranks together.
  ///   - localSequences: which of these are this rank's, ascending.
  ///   - documentMask: whether the batches say where documents start.
  ///   - samplesConsumed: how many samples, of all ranks together, earlier steps have had.
  /// - Throws: `ResourceError` where its thread cannot be started.
  public init(
    _ mixture: Mixture, vocabularySize: Int, globalBatchSize: Int, localSequences: [Int],
    documentMask: Bool = false, startingAt samplesConsumed: Int = 0
  ) throws(ResourceError) {
    precondition(zip(localSequences, localSequences.dropFirst()).allSatisfy(<) && !localSequences.isEmpty)
    precondition(localSequences.allSatisfy((0..<globalBatchSize).contains))
    let readAhead = ReadAhead(
      BatchSequence(
        mixture, vocabularySize: vocabularySize, globalBatchSize: globalBatchSize, localSequences: localSequences,
        documentMask: documentMask, startingAt: samplesConsumed))
    thread = try SystemThread("batch reader") { readAhead.run() }
    self.readAhead = readAhead
  }

  deinit {
    stop()
  }

  /// The next step's batch; the one before is given up.
  ///
  /// - Throws: `InvalidFileError` for a token out of the vocabulary or damaged `/documents`, in the step that the sample
  ///   belongs to and in all that are asked for after it; `StorageError`.
  public func next() throws -> Batch {
    let started = ContinuousClock.now
    let (buffer, epoch, digest) = try readAhead.take(step: delivered)
    delivered += 1
    let waited = (ContinuousClock.now - started).components
    return Batch(
      tokens: UnsafeBufferPointer(buffer.tokens), positions: buffer.positions.map { UnsafeBufferPointer($0) },
      epoch: epoch, waitSeconds: Double(waited.seconds) + Double(waited.attoseconds) * 1e-18, digest: digest)
  }

  /// Ends the reading thread and waits for it; nothing may be asked for afterwards.
  public func stop() {
    readAhead.stop()
    thread.join()
  }
}

/// What the two threads share. The condition guards `produced`, `released`, `isStopping` and `failure`; a
/// slot belongs to the reading thread until its step is counted in `produced`, and again once counted in `released`.
private final class ReadAhead: @unchecked Sendable {
  private let slots: [SampleBuffer]
  private var epochs = [0, 0]
  private var digests: [UInt64] = [0, 0]
  // The reading thread's alone.
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

  /// The reading thread: steps are read as slots come free, until told to stop or a step cannot be read.
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

  /// Waits until the slot of `step` is free; false where there is nothing more to read.
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

  /// Gives up the step before, waits for `step`, and hands it out.
  func take(step: Int) throws -> (SampleBuffer, epoch: Int, digest: UInt64) {
    condition.lock()
    defer { condition.unlock() }
    precondition(!isStopping, "a batch asked for after stop()")
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
