import Communication
import Foundation
import Host
import HuggingFace
import Kernels
import RunFiles
import Storage
import Transformer

extension Trainer {
  /// How a run began.
  struct Beginning {
    /// Whether a checkpoint was resumed from.
    var isResumed = false
    /// What the run's first weights were read from, now or when it was begun. Rank 0 alone knows.
    var initializedFrom: WeightsOrigin?
    /// What the user should know, a sentence each.
    var notes: [String] = []
  }

  /// Brings every rank's state to where the run goes on: a checkpoint, another file's weights, or fresh ones.
  ///
  /// Rank 0 reads and tells the others, so that the files need not be seen from every node. Collective.
  /// - Parameters:
  ///   - checkpoint: rank 0's choice; the other ranks' is not asked for.
  ///   - tokenizer: that of the run's corpora, which the file's must be as far as both are known.
  ///   - file: a file with a `/model`, or a model of Hugging Face's; used only where there is no checkpoint.
  ///   - allowances: what the file's model may have otherwise than the configured one.
  /// - Throws: `AgreedError`, `CommunicationError`.
  func begin(
    from checkpoint: Checkpoint?, initializingFrom file: String?, allowing allowances: [RunOptions.Allowance] = [],
    tokenizer: TokenizerIdentity
  ) throws -> Beginning {
    var beginning = Beginning()
    beginning.isResumed = try communicator.broadcast(Int64(checkpoint == nil ? 0 : 1)) == 1
    if beginning.isResumed {
      try communicator.rootOnly { try checkpoint?.readWeights(into: state.parameters, state.layout) }
      try share(state.parameters)
      try readMoments(checkpoint)
      let words = (checkpoint?.progress ?? RunProgress()).words
      state.progress = RunProgress(words: try communicator.broadcast(words))
      beginning.initializedFrom = checkpoint?.initializedFrom
      if let file, let checkpoint {
        beginning.notes.append(
          InitialWeights.ignored(file, checkpoint.path, origin: checkpoint.initializedFrom))
      }
    } else if let file {
      try communicator.rootOnly {
        // Before anything that it says is believed.
        if !PretrainedModel.isOne(file) { _ = try SealedFile.verify(file) }
        let weights = try InitialWeights(file, for: configuration, allowing: allowances)
        try tokenizer.check(against: weights.tokenizer, of: file)
        beginning.initializedFrom = try weights.read(into: state.parameters)
        beginning.notes += weights.notes
      }
      try share(state.parameters)
    } else {
      state.layout.initialize(state.parameters.floats, seed: UInt64(configuration.seed))
    }
    return beginning
  }

  /// Reads the moments, on rank 0 for all. Collective.
  private func readMoments(_ checkpoint: Checkpoint?) throws {
    let exchange = StateExchange(state, communicator)
    guard let checkpoint else { return try exchange.distribute { _, _, _ in } }
    var hasDistributed = false
    do {
      try checkpoint.withOptimizerState(state.layout, state.optimizer) { read in
        hasDistributed = true
        try exchange.distribute(read)
      }
    } catch  where !hasDistributed {
      try exchange.distribute { _, _, _ in throw error }
    }
  }

  private func share(_ buffer: Buffer) throws {
    try communicator.broadcast(UnsafeMutableRawBufferPointer(buffer.floats))
  }

  /// The rate of matrix products that all ranks reach together, all at once, on the shapes of a step's own (but on no
  /// more than `tokens` rows), operations a second: the median. Collective.
  ///
  /// - Throws: `AgreedError` where OpenBLAS cannot be loaded; `CommunicationError`.
  func measurePeak(tokens: Int) throws -> Double {
    try communicator.agreed { try Processor.loadLibrary() }
    let start = ContinuousClock.now
    try communicator.barrier()
    let mine = pass.measureRate(tokens: tokens) { (ContinuousClock.now - start).inSeconds }
    return try communicator.sum(mine)
  }
}
