import Communication
import Inference
import Kernels
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
}

/// One rank's part of training: a step's micro-batches, the sum over ranks, the update.
public final class Trainer {
  public let configuration: RunConfiguration
  public var state: TrainingState
  /// Sequences of a global batch that are this rank's.
  public let localSequences: Range<Int>

  let communicator: Communicator
  let team: ThreadTeam
  let pass: ModelPass
  /// The gradients, one for each parameter; between steps, other things may lie there.
  private let gradients: Buffer
  private let reduction: GradientReduction
  private let norm: FlatNorm
  private let adamW: AdamW
  private let schedule: LearningRateSchedule
  /// Each tensor's decay.
  private let decays: [Double]
  private let microBatches: Int
  /// A place for each of the global batch's micro-batches, for their losses to be summed in order.
  private var sums: [Double]

  /// - Precondition: `configuration.fault(ranks:)` finds none.
  public init(_ configuration: RunConfiguration, communicator: Communicator, team: ThreadTeam) {
    let training = configuration.training
    let layout = ParameterLayout(configuration.model)
    self.configuration = configuration
    self.communicator = communicator
    self.team = team
    state = TrainingState(layout)
    let local = training.globalBatchSize / communicator.size
    localSequences = communicator.rank * local..<(communicator.rank + 1) * local
    microBatches = local / training.microBatchSize
    sums = [Double](repeating: 0, count: 2 * training.globalBatchSize / training.microBatchSize)
    pass = ModelPass(
      PassShape(configuration), layout: layout, recompute: training.recompute, trains: true, on: team)
    gradients = Buffer(count: layout.count + TaskValidation.weightPadding(configuration) / MemoryLayout<Float>.stride)
    reduction = GradientReduction(
      communicator: communicator, buffer: gradients[0..<layout.count], buckets: layout.buckets)
    norm = FlatNorm(count: layout.count)
    let optimizer = configuration.optimizer
    adamW = AdamW(beta1: optimizer.beta1, beta2: optimizer.beta2, epsilon: optimizer.epsilon)
    schedule = configuration.learningRateSchedule
    decays = layout.tensors.map { configuration.decays($0.name) ? optimizer.weightDecay : 0 }
  }

  /// One step: the loss and the gradient of the global batch, then the update. Collective.
  ///
  /// - Parameter batch: this rank's sequences one after another.
  /// - Throws: `NoTargetError` or `NotFiniteError`, on every rank and before the update; `CommunicationError`.
  public func step(_ batch: SequenceTokens) throws -> StepResult {
    let training = configuration.training
    let sums = try gradientOfBatch(batch)
    let step = state.step + 1
    guard sums.tokens > 0 else { throw NoTargetError(place: "step \(step)'s batch") }
    let tokens = Double(sums.tokens)
    // The gradient is a sum over tokens until here: it is divided once, by the global count.
    let gradientNorm = norm.sumOfSquares(gradients[0..<state.layout.count], on: team).squareRoot() / tokens
    let result = StepResult(
      loss: sums.crossEntropy / tokens, zLoss: training.zLoss * sums.squaredLogSumExp / tokens,
      gradientNorm: gradientNorm, learningRate: schedule.rate(step: step), tokens: sums.tokens)
    guard result.loss.isFinite, result.zLoss.isFinite, gradientNorm.isFinite else {
      throw NotFiniteError(
        step: step, place: .lossOrGradient(loss: result.loss, gradientNorm: gradientNorm))
    }
    let clip = training.gradientClip.map { min(1, $0 / (gradientNorm + 1e-6)) } ?? 1
    update(step: step, scale: Float(clip / tokens), learningRate: result.learningRate)
    state.step = step
    state.samples += training.globalBatchSize
    state.tokens += sums.tokens
    pass.clock?.mark(.optimizer)
    return result
  }

  /// Whether all weights are finite numbers: an update can break them though the loss before it was fine.
  var hasFiniteWeights: Bool { norm.sumOfSquares(state.parameters.floats, on: team).isFinite }

  /// The model as it is now, for texts to be asked of: until the next step, whose gradients need the memory.
  ///
  /// - Precondition: the configuration has `validation.tasks`.
  func inferenceModel() -> InferenceModel {
    precondition(!configuration.validation.tasks.isEmpty, "no benchmark is configured, so there may be no room")
    let weights = InferenceWeights(state.layout, .fp32, flat: state.parameters, in: gradients)
    return InferenceModel(weights, configuration.hiddenDecoding)
  }

  /// Leaves the gradient's sum over the global batch's tokens in ``gradients``, on every rank.
  private func gradientOfBatch(_ batch: SequenceTokens) throws -> LossSums {
    gradients.clear(on: team)
    pass.clock?.mark(.optimizer)
    for index in sums.indices { sums[index] = 0 }
    let perMicroBatch = batch.ids.count / microBatches
    var tokens = 0
    for microBatch in 0..<microBatches {
      let part = batch.part(microBatch * perMicroBatch..<(microBatch + 1) * perMicroBatch)
      let isLast = microBatch == microBatches - 1
      let found = try pass.lossAndGradient(
        parameters: state.parameters.pointer, gradients: gradients.pointer, tokens: part,
        zLoss: configuration.training.zLoss
      ) { bucket in
        // What the last micro-batch has added to is final: its sum over ranks starts while the rest is computed.
        if isLast { try reduction.begin(bucket: bucket) }
        pass.clock?.mark(.communication)
      }
      let place = 2 * (communicator.rank * microBatches + microBatch)
      sums[place] = found.crossEntropy
      sums[place + 1] = found.squaredLogSumExp
      tokens += found.tokens
    }
    try reduction.finish()
    try sums.withUnsafeMutableBufferPointer { try communicator.sum(inPlace: $0) }
    var total = LossSums(tokens: Int(try communicator.sum(Int64(tokens))))
    for place in stride(from: 0, to: sums.count, by: 2) {
      total.crossEntropy += sums[place]
      total.squaredLogSumExp += sums[place + 1]
    }
    pass.clock?.mark(.communication)
    return total
  }

  /// The one place where weights change.
  private func update(step: Int, scale: Float, learningRate: Double) {
    for (tensor, decay) in zip(state.layout.tensors, decays) {
      adamW.update(
        state.parameters[tensor.range], gradient: gradients[tensor.range], average: state.average[tensor.range],
        squareAverage: state.squareAverage[tensor.range], scale: scale, learningRate: learningRate, decay: decay,
        step: step, on: team)
    }
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
