import Communication
import Kernels
import Storage
import Transformer

// Checks before the update, and the comparison of the ranks' weights.
extension Trainer {
  /// Why to skip the update of a step; nil to apply it. The same on every rank. Collective.
  ///
  /// - Parameter batch: this rank's sequences, to find the first number that is not finite.
  /// - Throws: `NotFiniteError`, `TooManySkippedStepsError`; `CommunicationError`.
  func reasonToSkip(_ result: StepResult, step: Int, _ batch: SequenceTokens) throws -> SkipReason? {
    let training = configuration.training
    let isFinite = result.loss.isFinite && result.zLoss.isFinite && result.gradientNorm.isFinite
    // All ranks take the same branch, even if one has corrupt memory.
    let reason: SkipReason
    if try !communicator.all(isFinite) {
      reason = .notFinite(origin: try originOfNotFinite(batch))
    } else if let spikes = training.spikeGuard,
      try !communicator.all(
        !spikes.isSpike(loss: result.loss, gradientNorm: result.gradientNorm, &state.progress.history))
    {
      reason = .spike
    } else {
      return nil
    }
    if case .notFinite(let origin) = reason, training.onNotFinite == .stop {
      throw NotFiniteError(
        step: step,
        place: .lossOrGradient(loss: result.loss, gradientNorm: result.gradientNorm, origin: origin))
    }
    guard state.progress.skippedSteps < training.maxSkipped else {
      throw TooManySkippedStepsError(
        step: step, reason: reason, loss: result.loss, gradientNorm: result.gradientNorm, allowed: training.maxSkipped)
    }
    return reason
  }

  /// A message that says in which micro-batch and tensor the numbers are not finite. Each rank computes its
  /// micro-batches again, one at a time. Overwrites the gradients. Collective.
  ///
  /// - Throws: `CommunicationError`.
  private func originOfNotFinite(_ batch: SequenceTokens) throws -> String {
    var mine = ""
    for round in 0..<microBatches where mine.isEmpty {
      gradients.clear(on: team)
      let sums = pass.lossAndGradient(
        parameters: state.parameters.pointer, gradients: gradients.pointer,
        tokens: microBatch(round, of: batch), zLoss: configuration.training.zLoss
      ) { _ in }
      let place = "micro-batch \(round * communicator.size + communicator.rank) (\(communicator.name))"
      if !sums.crossEntropy.isFinite || !sums.squaredLogSumExp.isFinite {
        mine = "the loss of \(place)"
      } else if let tensor = state.layout.tensors.first(where: { !gradients[$0.range].allSatisfy(\.isFinite) }) {
        mine = "the gradient of \(tensor.name) in \(place)"
      }
    }
    let found = try communicator.allGather(mine).filter { !$0.isEmpty }
    if found.isEmpty {
      return
        "Computed again, each micro-batch is finite: the sum is too large, or a rank's memory or processor is faulty"
    }
    let named = found.prefix(3).joined(separator: " and ") + (found.count > 3 ? " and more" : "")
    return "It started in \(named)"
  }

  /// Checks that all ranks have the same weights. Collective.
  ///
  /// - Throws: `DivergedWeightsError`, on every rank; `CommunicationError`.
  func compareWeights() throws {
    guard communicator.size > 1 else { return }
    let tensors = state.layout.tensors
    var digests = [Int64](repeating: 0, count: tensors.count)
    digests.withUnsafeMutableBufferPointer { digests in
      let digests = digests
      team.forEach(tensors.count) { index, _ in
        let bytes = UnsafeRawBufferPointer(state.parameters[tensors[index].range])
        digests[index] = Int64(bitPattern: ContentDigest.hash(bytes))
      }
    }
    let whole = digests.withUnsafeBytes { Int64(bitPattern: ContentDigest.hash($0)) }
    let wholes = try communicator.allGather([whole])
    guard wholes.contains(where: { $0 != wholes[0] }) else { return }

    let all = try communicator.allGather(digests)
    let names = try communicator.allGather(communicator.name)
    for (index, tensor) in tensors.enumerated() {
      let ofRanks = all.map { $0[index] }
      guard ofRanks.contains(where: { $0 != ofRanks[0] }) else { continue }
      let most = ofRanks.first { digest in 2 * ofRanks.count { $0 == digest } > ofRanks.count }
      let others = most.map { most in zip(ofRanks, names).filter { $0.0 != most }.map(\.1) } ?? []
      throw DivergedWeightsError(step: state.progress.step, tensor: tensor.name, ranks: others)
    }
    preconditionFailure("the hashes of all weights differ, but no tensor's hash does")
  }
}
