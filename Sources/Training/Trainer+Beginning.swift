import Communication
import Foundation
import HuggingFace
import Kernels
import Storage
import Tokenizers
import Transformer

extension Trainer {
  /// Brings every rank's state to where the run goes on: a checkpoint, another file's weights, or fresh ones.
  ///
  /// Rank 0 reads and tells the others, so that the files need not be seen from every node. Collective.
  /// - Parameters:
  ///   - checkpoint: rank 0's choice; the other ranks' is not asked for.
  ///   - tokenizer: that of the run's corpora, which the file's must be as far as both are known.
  ///   - file: a file with a `/model`, or a model of Hugging Face's; used only where there is no checkpoint.
  /// - Returns: whether a checkpoint was resumed from.
  /// - Throws: `AgreedError`, `CommunicationError`.
  func begin(
    from checkpoint: Checkpoint?, initializingFrom file: String?, tokenizer: TokenizerIdentity
  ) throws -> Bool {
    let resumes = try communicator.broadcast(Int64(checkpoint == nil ? 0 : 1)) == 1
    if resumes {
      try communicator.rootOnly { try checkpoint?.readWeights(into: state.parameters, state.layout) }
      try share(state.parameters)
      try readMoments(checkpoint)
      let words = (checkpoint?.progress ?? RunProgress()).words
      state.progress = RunProgress(words: try communicator.broadcast(words))
    } else if let file {
      try communicator.rootOnly {
        let theirs: TokenizerIdentity
        if PretrainedModel.isOne(file) {
          theirs = try readPretrained(file)
        } else {
          try Checkpoint.readWeights(file, into: state.parameters, state.layout)
          theirs = try Checkpoint.tokenizer(of: file)
        }
        try tokenizer.check(against: theirs, of: file)
      }
      try share(state.parameters)
    } else {
      state.layout.initialize(state.parameters.floats, seed: UInt64(configuration.seed))
    }
    return resumes
  }

  /// Reads the moments, on rank 0 for all. Collective.
  private func readMoments(_ checkpoint: Checkpoint?) throws {
    let exchange = MomentExchange(state, communicator)
    guard let checkpoint else { return try exchange.distribute { _, _, _ in } }
    var hasDistributed = false
    do {
      try checkpoint.withMoments(state.layout) { read in
        hasDistributed = true
        try exchange.distribute(read)
      }
    } catch  where !hasDistributed {
      try exchange.distribute { _, _, _ in throw error }
    }
  }

  /// Reads the weights of a model of Hugging Face's, which must be the configured one but for its hidden copies.
  ///
  /// - Returns: its tokenizer, as far as the folder says.
  private func readPretrained(_ path: String) throws -> TokenizerIdentity {
    let pretrained = try PretrainedModel(path)
    var (theirs, mine) = (pretrained.description.model, configuration.model)
    // What the initial weights would have been does not matter.
    (theirs.initializerRange, mine.initializerRange) = (0, 0)
    guard theirs == mine else {
      throw ConfigurationError(
        "\(path): another model than the configured one: \(theirs.difference(from: mine)); `phd checkpoint import` "
          + "prints the section model for it")
    }
    for tensor in state.layout.tensors {
      try pretrained.read(tensor, 0..<tensor.shape[0], into: state.parameters[tensor.range])
    }
    guard try FileStatus.exists(pretrained.tokenizerPath) else { return TokenizerIdentity() }
    let file = try TokenizerFile(reading: pretrained.tokenizerPath)
    return TokenizerIdentity(name: file.name, sha256: file.sha256, file: file)
  }

  private func share(_ buffer: Buffer) throws {
    try communicator.broadcast(UnsafeMutableRawBufferPointer(buffer.floats))
  }

  /// The rate of matrix products that all ranks reach together, all at once, on the shapes of a step's own (but on no
  /// more than `tokens` rows), operations a second: the median. Collective.
  ///
  /// - Throws: `CommunicationError`.
  func measurePeak(tokens: Int) throws -> Double {
    let start = ContinuousClock.now
    try communicator.barrier()
    let mine = pass.measureRate(tokens: tokens) { (ContinuousClock.now - start).inSeconds }
    return try communicator.sum(mine)
  }
}
