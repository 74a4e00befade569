import Communication
import Configuration
import Inference
import Kernels
import Optimization
import Transformer

/// What one step has to say.
public struct StepResult: Sendable, Equatable {
  /// Cross-entropy before the update, nats a token, over the whole global batch.
  public var loss: Double
  /// Weight · mean(logsumexp²).
  public var zLoss: Double
  /// The gradient's norm before clipping.
  public var gradientNorm: Double
  public var learningRate: Double
  /// Target tokens of the global batch: those that the loss is the mean of.
  public var tokens: Int
  /// Why its update was left out; nil where it was not.
  public var skipped: SkippedStep?
  /// Where the configuration asks for them at this step.
  public var norms: StepNorms?
}

/// One rank's part of training: a step's micro-batches, the sum over ranks, the update.
public final class Trainer {
  public let configuration: RunConfiguration
  public var state: TrainingState
  /// Sequences of a global batch that are this rank's: of its micro-batches, every `size`-th.
  public let localSequences: [Int]

  let communicator: Communicator
  let team: ThreadTeam
  let pass: ModelPass
  /// The gradients, one for each parameter; between steps, other things may lie there.
  let gradients: Buffer
  /// Tells the watchdog what this rank is doing.
  let activity = RankActivity()
  private let reduction: GradientReduction
  private let norm: FlatNorm
  /// Where the configuration asks for them.
  private let tensorNorms: TensorNorms?
  /// Whether each rank updates a part of the parameters, and knows the gradient of that part alone.
  private let isSharded: Bool
  /// Bytes of updated weights that this rank has sent.
  private var weightBytesSent = 0
  private let optimizer: any Optimizer
  private let ownership: ParameterOwnership
  /// The ranges whose gradient this rank knows; nil for all.
  private let reduced: [Range<Int>]?
  /// What a step updates on this rank.
  private let updateParts: [(tensor: ParameterTensor, part: UpdatePart)]
  private let schedule: LearningRateSchedule
  let microBatches: Int
  /// A place for each of the global batch's micro-batches, for their losses to be summed in order.
  private var sums: [Double]

  /// - Precondition: `configuration.validationError(ranks:)` finds none.
  public init(_ configuration: RunConfiguration, communicator: Communicator, team: ThreadTeam) {
    let training = configuration.training
    let layout = ParameterLayout(configuration.model)
    self.configuration = configuration
    self.communicator = communicator
    self.team = team
    isSharded = configuration.optimizer.sharded
    optimizer = configuration.makeOptimizer()
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

  /// One step: the loss and the gradient of the global batch, then the update. Collective.
  ///
  /// - Parameter batch: this rank's sequences one after another.
  /// - Returns: also where the update was left out, as the configuration says.
  /// - Throws: `NoTargetError`, `NotFiniteError` or `SkippedTooOftenError`, on every rank and before the update;
  ///   `CommunicationError`.
  public func step(_ batch: SequenceTokens) throws -> StepResult {
    let training = configuration.training
    let sums = try gradientOfBatch(batch)
    let step = state.progress.step + 1
    guard sums.tokens > 0 else { throw NoTargetError(place: "step \(step)'s batch") }
    let tokens = Double(sums.tokens)
    // The gradient is a sum over tokens until here: it is divided once, by the global count.
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
        result.norms = StepNorms(
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

  /// Bytes that this rank has sent: gradients, and where the optimizer's state is sharded weights.
  public var bytesSent: Int { reduction.bytesSent + weightBytesSent }

  /// Seconds that this rank has spent on the sum of gradients over ranks while nothing else went on.
  public var secondsInReduction: Double { reduction.secondsInFinish }

  /// Bytes of weights, gradients and moments, and of the sums that wait for the step's next round.
  public var stateBytes: Int {
    state.bytes + MemoryLayout<Float>.stride * state.layout.count + reduction.sumBytes
  }

  /// The gradient's Σ x², the same on every rank.
  private func squareSum() throws -> Double {
    guard let reduced else { return norm.sumOfSquares(gradients.floats, on: team) }
    return try norm.sumOfSquares(gradients.floats, within: reduced, on: team) {
      try communicator.combine(disjoint: $0)
    }
  }

  /// Makes sure that the weights are worth saving: the same on every rank, and finite numbers, for an update can break
  /// them though the loss before it was fine. Collective.
  ///
  /// - Throws: `NotFiniteError`, `DivergedWeightsError`, on every rank; `CommunicationError`.
  func checkWeights() throws {
    try compareWeights()
    guard try communicator.all(norm.sumOfSquares(state.parameters.floats, on: team).isFinite) else {
      throw NotFiniteError(step: state.progress.step, place: .weights)
    }
  }

  /// Each tensor's norm in a buffer like the parameters', the same on every rank. Collective where the state is sharded.
  private func norms(of buffer: Buffer) throws -> [Double] {
    try tensorNorms?.norms(of: buffer.floats, within: reduced, on: team) {
      if isSharded { try communicator.combine(disjoint: $0) }
    } ?? []
  }

  /// The model as it is now, for texts to be asked of: until the next step, whose gradients need the memory.
  ///
  /// - Precondition: the configuration has `validation.tasks`.
  func inferenceModel() -> InferenceModel {
    precondition(!configuration.validation.tasks.isEmpty, "no benchmark is configured, so there may be no room")
    let weights = InferenceWeights(state.layout, .fp32, flat: state.parameters, in: gradients)
    return InferenceModel(weights, configuration.hiddenDecoding)
  }

  /// Leaves the gradient's sum over the global batch's tokens in ``gradients``, on every rank.
  ///
  /// Micro-batch m of the step is that of rank m mod n in round m div n. Reproducibly, its gradient is summed by itself,
  /// and then added to those before it: an order that does not depend on the number of ranks. Otherwise each rank sums
  /// its own as they come, and the ranks' sums are added at the end, which sends less.
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
        // What is final is on its way to the other ranks while the rest is computed.
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

  /// The one place where weights change. Collective where the state is sharded.
  ///
  /// - Parameter leavesChanges: whether the gradients' places are left with how much each parameter changed.
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
