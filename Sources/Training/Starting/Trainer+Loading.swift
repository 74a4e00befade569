import Communication
import Foundation
import Host
import HuggingFace
import Kernels
import RunFiles
import Storage
import Transformer

extension Trainer {
  /// Where the state of a trainer came from.
  struct StateOrigin {
    /// Whether a checkpoint was resumed from.
    var isResumed = false
    /// The file that the run's first weights were read from, now or in an earlier start. On rank 0 only.
    var initializedFrom: WeightsOrigin?
    /// Notes for the user, one sentence each.
    var notes: [String] = []
  }

  /// Fills every rank's state from a checkpoint, from another file's weights, or with initial weights. Collective.
  ///
  /// Rank 0 reads the files and broadcasts their contents, so the other nodes do not need them.
  /// - Parameters:
  ///   - checkpoint: rank 0's argument counts; those of the other ranks are ignored.
  ///   - file: a file with a `/model`, or a Hugging Face model; used only if there is no checkpoint.
  ///   - allowances: the differences from the configured model that are allowed.
  ///   - tokenizer: the tokenizer of the run's corpora. The file's must be the same if both are known.
  /// - Throws: `AgreedError`, `CommunicationError`.
  func loadState(
    from checkpoint: Checkpoint?, initializingFrom file: String?, allowing allowances: [RunOptions.Allowance] = [],
    tokenizer: TokenizerIdentity
  ) throws -> StateOrigin {
    var origin = StateOrigin()
    origin.isResumed = try communicator.broadcast(Int64(checkpoint == nil ? 0 : 1)) == 1
    if origin.isResumed {
      try communicator.rootOnly { try checkpoint?.readWeights(into: state.parameters, state.layout) }
      try share(state.parameters)
      try readMoments(checkpoint)
      let words = (checkpoint?.progress ?? RunProgress()).words
      state.progress = RunProgress(words: try communicator.broadcast(words))
      origin.initializedFrom = checkpoint?.initializedFrom
      if let file, let checkpoint {
        origin.notes.append(
          InitialWeights.ignored(file, checkpoint.path, origin: checkpoint.initializedFrom))
      }
    } else if let file {
      try communicator.rootOnly {
        // Verify the digest before using anything from the file.
        if !PretrainedModel.isModel(at: file) { _ = try SealedFile.verify(file) }
        let weights = try InitialWeights(file, for: configuration, allowing: allowances)
        try tokenizer.check(against: weights.tokenizer, of: file)
        origin.initializedFrom = try weights.read(into: state.parameters)
        origin.notes += weights.notes
      }
      try share(state.parameters)
    } else {
      state.layout.initialize(state.parameters.floats, seed: UInt64(configuration.seed))
    }
    return origin
  }

  /// Reads the moments on rank 0 and distributes them. Collective.
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

  /// The rate of a library's matrix products in FLOP/s, summed over all ranks, which measure at the same time. Collective.
  ///
  /// The products have the shapes of a training step, with at most `tokens` rows. Each rank takes its median.
  /// - Throws: `AgreedError` if OpenBLAS cannot be loaded; `CommunicationError`.
  func measurePeak(tokens: Int) throws -> Double {
    try communicator.agreed { try Processor.loadLibrary() }
    return try measureTogether { pass.measureLibraryRate(tokens: tokens, seconds: $0) }
  }

  /// The rate of this program's own products with the shapes of a training step in FLOP/s, as above.
  func measureProducts() throws -> Double {
    try measureTogether { pass.measureProductRate(tokens: .max, seconds: $0) }
  }

  /// The rate of multiply-adds in registers in FLOP/s, as above.
  func measureArithmetic() throws -> Double {
    try measureTogether { Processor.measureArithmetic(pass.precision, on: team, seconds: $0) }
  }

  /// The sum over all ranks of a rate that they measure at the same time with the given clock.
  private func measureTogether(_ rate: (_ seconds: () -> Double) -> Double) throws -> Double {
    try communicator.barrier()
    let start = ContinuousClock.now
    return try communicator.sum(rate { (ContinuousClock.now - start).inSeconds })
  }
}
