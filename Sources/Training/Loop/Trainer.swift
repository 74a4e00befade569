import Communication
import Configuration
import Inference
import Kernels
import Optimization
import Transformer

/// The results of one step.
public struct StepResult: Sendable, Equatable {
  /// Cross-entropy before the update, in nats per token, over the whole global batch.
  public var loss: Double
  /// Weight · mean(logsumexp²).
  public var zLoss: Double
  /// The gradient's norm before clipping.
  public var gradientNorm: Double
  public var learningRate: Double
  /// Target tokens of the global batch, over which the loss is the mean.
  public var tokens: Int
  /// Why the update was skipped; nil if it was applied.
  public var skipped: SkipReason?
  /// The norms of all tensors, if `log.gradients_every` includes this step.
  public var norms: TensorNormRecord?
}

/// One rank's part of a training step: its micro-batches, the gradient sum over ranks, the update.
public final class Trainer {
  public let configuration: RunConfiguration
  public var state: TrainingState
  /// This rank's sequences of a global batch: every n-th micro-batch on n ranks.
  public let localSequences: [Int]

  let communicator: Communicator
  let team: ThreadTeam
  let pass: ModelPass
  /// The gradient of each parameter. Between steps, the memory may hold packed weights.
  let gradients: Buffer
  /// This rank's activity, for the watchdog.
  let activity = RankActivity()
  private let reduction: GradientReduction
  private let norm: FlatNorm
  /// Nil if `log.gradients_every` is not set.
  private let tensorNorms: TensorNorms?
  /// Whether each rank updates a part of the parameters and has only the gradient of that part.
  private let isSharded: Bool
  /// Bytes of updated weights that this rank has sent.
  private var weightBytesSent = 0
  private let optimizer: any Optimizer
  private let ownership: ParameterOwnership
  /// The ranges whose gradient sum this rank has; nil for all.
  private let reduced: [Range<Int>]?
  /// The parts of tensors that a step updates on this rank.
  private let updateParts: [(tensor: ParameterTensor, part: UpdatePart)]
  private let schedule: LearningRateSchedule
  let microBatches: Int
  /// The loss sums of each micro-batch of the global batch: cross-entropy, squared log-sum-exp. Summed in this order.
  private var sums: [Double]

  /// - Parameter optimizer: nil for the configuration's.
  /// - Precondition: `configuration.validationError(ranks:)` is nil.
  public init(
    _ configuration: RunConfiguration, communicator: Communicator, team: ThreadTeam, optimizer: (any Optimizer)? = nil
  ) {
    let training = configuration.training
    let layout = ParameterLayout(configuration.model)
    self.configuration = configuration
    self.communicator = communicator
    self.team = team
    isSharded = configuration.optimizer.sharded
    let optimizer = optimizer ?? configuration.makeOptimizer()
    self.optimizer = optimizer
    ownership = ParameterOwnership(layout, optimizer, ranks: communicator.size)
    let owned = ownership.updated(by: communicator.rank)
    state = TrainingState(layout, optimizer, owned: isSharded ? owned : nil)
    reduced = isSharded ? ownership.reduced(by: communicator.rank) : nil
    let (ranks, size) = (communicator.size, training.microBatchSize)
    let microBatches = training.globalBatchSize / size / ranks
    self.microBatches = microBatches
    localSequences = (0..<microBatches).flatMap { round in
      let first = (round * ranks + communicator.rank) * size
      return first..<first + size
    }
    sums = [Double](repeating: 0, count: 2 * training.globalBatchSize / training.microBatchSize)
    pass = ModelPass(
      PassShape(configuration), layout: layout, recompute: training.recompute, trains: true, on: team)
    gradients = Buffer(count: layout.count + TaskMemory.weightPadding(configuration) / MemoryLayout<Float>.stride)
    reduction = GradientReduction(
      communicator: communicator, buffer: gradients[0..<layout.count], buckets: layout.buckets,
      rounds: training.reproducible ? microBatches : 1, gathers: !isSharded,
      forEach: { count, body in team.forEach(count) { index, _ in body(index) } })
    norm = FlatNorm(parts: layout.buckets, granule: GradientReduction.granule)
    tensorNorms = configuration.log.gradientsEvery.map { _ in
      TensorNorms(layout.tensors.map(\.range), parts: layout.buckets.reversed(), granule: GradientReduction.granule)
    }
    schedule = configuration.learningRateSchedule
    updateParts = state.updateParts(gradients: gradients)
  }

  /// Takes one step: the loss and the gradient of the global batch, then the update. Collective.
  ///
  /// - Parameter batch: this rank's sequences, concatenated.
  /// - Throws: `NoTargetError`, `NotFiniteError` or `TooManySkippedStepsError`, on every rank and before the update;
  ///   `CommunicationError`.
  public func step(_ batch: SequenceTokens) throws -> StepResult {
    let training = configuration.training
    let sums = try gradientOfBatch(batch)
    let step = state.progress.step + 1
    guard sums.tokens > 0 else { throw NoTargetError(place: "step \(step)'s batch") }
    let tokens = Double(sums.tokens)
    // The gradient is still the sum over tokens. It is divided once, by the global count.
    let gradientNorm = try squareSum().squareRoot() / tokens
    var result = StepResult(
      loss: sums.crossEntropy / tokens, zLoss: training.zLoss * sums.squaredLogSumExp / tokens,
      gradientNorm: gradientNorm, learningRate: schedule.rate(step: step), tokens: sums.tokens)
    result.skipped = try reasonToSkip(result, step: step, batch)
    if result.skipped == nil {
      let clip = training.gradientClip.map { min(1, $0 / (gradientNorm + 1e-6)) } ?? 1
      let isWatched = configuration.log.gradientsEvery.map { step % $0 == 0 } ?? false
      let gradientNorms = isWatched ? try norms(of: gradients).map { $0 / tokens } : []
      activity.enter(.updating)
      try update(scale: Float(clip / tokens), learningRate: result.learningRate, leavesChanges: isWatched)
      if isWatched {
        result.norms = TensorNormRecord(
          state.layout, gradients: gradientNorms, weights: try norms(of: state.parameters),
          updates: try norms(of: gradients))
        pass.clock?.mark(.optimizer)
      }
    } else {
      state.progress.skippedSteps += 1
    }
    state.progress.step = step
    state.progress.samples += training.globalBatchSize
    state.progress.tokens += sums.tokens
    return result
  }

  /// Bytes that this rank has sent: gradients, and updated weights if the optimizer state is sharded.
  public var bytesSent: Int { reduction.bytesSent + weightBytesSent }

  /// Seconds that this rank has spent in the gradient sum over ranks without overlapping computation.
  public var secondsInReduction: Double { reduction.secondsInFinish }

  /// Bytes of weights, gradients, moments and partial gradient sums.
  public var stateBytes: Int {
    state.bytes + MemoryLayout<Float>.stride * state.layout.count + reduction.sumBytes
  }

  /// Σ x² of the gradient, the same on every rank.
  private func squareSum() throws -> Double {
    guard let reduced else { return norm.sumOfSquares(gradients.floats, on: team) }
    return try norm.sumOfSquares(gradients.floats, within: reduced, on: team) {
      try communicator.combine(disjoint: $0)
    }
  }

  /// Checks before a save that the weights are the same on every rank and finite, because an update can overflow
  /// although its loss was finite. Collective.
  ///
  /// - Throws: `NotFiniteError`, `DivergedWeightsError`, on every rank; `CommunicationError`.
  func checkWeights() throws {
    try compareWeights()
    guard try communicator.all(norm.sumOfSquares(state.parameters.floats, on: team).isFinite) else {
      throw NotFiniteError(step: state.progress.step, place: .weights)
    }
  }

  /// The norm of each tensor of a buffer laid out like the parameters, the same on every rank. Collective if the state
  /// is sharded.
  private func norms(of buffer: Buffer) throws -> [Double] {
    try tensorNorms?.norms(of: buffer.floats, within: reduced, on: team) {
      if isSharded { try communicator.combine(disjoint: $0) }
    } ?? []
  }

  /// The current model for inference. Valid until the next step, because its weights use the memory of the gradients.
  ///
  /// - Precondition: the configuration has `validation.tasks`.
  func inferenceModel() -> InferenceModel {
    precondition(!configuration.validation.tasks.isEmpty, "without benchmarks the gradient buffer may be too small")
    let weights = InferenceWeights(state.layout, .fp32, flat: state.parameters, in: gradients)
    return InferenceModel(weights, configuration.hiddenDecoding)
  }

  /// Computes the gradient, summed over the global batch's tokens, into ``gradients``. Collective.
  ///
  /// On n ranks, rank m mod n computes micro-batch m in round m div n. With `training.reproducible`, the gradients of
  /// the micro-batches are added in the order of m, which does not depend on n. Without it, each rank first adds up its
  /// own, and the ranks' sums are added in one round, during the last micro-batch, which sends less.
  private func gradientOfBatch(_ batch: SequenceTokens) throws -> LossSums {
    let reproducible = configuration.training.reproducible
    for index in sums.indices { sums[index] = 0 }
    var tokens = 0
    for round in 0..<microBatches {
      let isFirst = round == 0
      let isLast = round == microBatches - 1
      activity.enter(.computing)
      if isFirst || reproducible {
        gradients.clear(on: team)
        pass.clock?.mark(.elementwise)
      }
      let found = try pass.lossAndGradient(
        parameters: state.parameters.pointer, gradients: gradients.pointer,
        tokens: microBatch(round, of: batch), zLoss: configuration.training.zLoss
      ) { bucket in
        // Finished buckets are sent while the backward pass goes on.
        if isLast || reproducible { try reduction.begin(bucket: bucket) }
        pass.clock?.mark(.communication)
      }
      activity.enter(.summing)
      if isLast || reproducible { try reduction.finish() }
      pass.clock?.mark(.communication)
      let place = 2 * (round * communicator.size + communicator.rank)
      sums[place] = found.crossEntropy
      sums[place + 1] = found.squaredLogSumExp
      tokens += found.tokens
    }
    try sums.withUnsafeMutableBufferPointer { try communicator.combine(disjoint: $0) }
    var total = LossSums(tokens: Int(try communicator.sum(Int64(tokens))))
    for place in stride(from: 0, to: sums.count, by: 2) {
      total.crossEntropy += sums[place]
      total.squaredLogSumExp += sums[place + 1]
    }
    pass.clock?.mark(.communication)
    return total
  }

  /// One of this rank's micro-batches of a step.
  func microBatch(_ round: Int, of batch: SequenceTokens) -> SequenceTokens {
    let size = batch.ids.count / microBatches
    return batch.part(round * size..<(round + 1) * size)
  }

  /// Updates the weights, the only place where they change. Collective if the state is sharded.
  ///
  /// - Parameter leavesChanges: whether to overwrite each gradient with the change of its parameter.
  private func update(scale: Float, learningRate: Double, leavesChanges: Bool) throws {
    if isSharded { weightBytesSent += try ownership.moveToUpdaters(gradients.floats, communicator) }
    for (tensor, part) in updateParts {
      optimizer.update(
        part, of: tensor, learningRate: learningRate, step: state.progress.updates + 1, scale: scale,
        leavesChange: leavesChanges, on: team)
    }
    pass.clock?.mark(.optimizer)
    guard isSharded else { return }
    if leavesChanges { weightBytesSent += try ownership.moveToReducers(gradients.floats, communicator) }
    weightBytesSent += try ownership.gather(state.parameters.floats, communicator)
    pass.clock?.mark(.communication)
  }
}

extension PassShape {
  /// The shape of a run's micro-batches.
  public init(_ configuration: RunConfiguration) {
    self.init(
      model: configuration.model, hiddenDecoding: configuration.hiddenDecoding,
      sequences: configuration.training.microBatchSize, positions: configuration.data.sequenceLength,
      precision: configuration.training.precision)
  }
}
