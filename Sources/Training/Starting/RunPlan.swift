import Communication
import Configuration
import Corpus
import Display
import Host
import JSON
import Kernels
import Optimization
import RunFiles
import Storage
import Transformer

/// The memory, arithmetic and tokens that a run needs, computed from its configuration before anything is allocated.
public struct RunPlan: Sendable, Equatable {
  public let parameters: Int
  /// Floating-point operations of one step's matrix products on all ranks: forward and backward, without recomputation.
  public let flopsPerStep: Int
  /// Bytes that the rank with the largest share allocates: weights, gradients, moments, activations, messages.
  public let memoryBytesPerRank: Int
  /// Its bytes of weights, gradients and moments: 16 a parameter, or 8 + 8 / ranks with `optimizer.sharded`.
  public let stateBytes: Int
  /// Its bytes of activations.
  public let activationBytes: Int
  /// Its bytes for evaluating `validation.tasks`; 0 if there are no tasks.
  public let taskBytes: Int
  /// Bytes of rank 0's copy of the state for `checkpoint.background`; 0 if that is not set.
  public let copyBytes: Int
  /// Target tokens of one step.
  public let tokensPerStep: Int
  /// Threads per rank.
  let threads: Int
  /// Steps until every sample was seen once; nil if the corpora do not exist yet.
  public let stepsPerEpoch: Double?

  /// Bytes that a process of this program takes before any of the above, mostly for libraries. Approximate.
  static let baseBytes = 48 << 20

  /// - Parameters:
  ///   - threads: threads per rank.
  ///   - samples: samples in all training corpora; nil if unknown.
  public init(_ configuration: RunConfiguration, ranks: Int, threads: Int, samples: Int?) {
    self.threads = threads
    let layout = ParameterLayout(configuration.model)
    let batch = configuration.training.globalBatchSize
    let positions = configuration.data.sequenceLength
    parameters = layout.count
    flopsPerStep =
      batch * ModelCost(configuration.model, configuration.hiddenDecoding, positions: positions).training
    let optimizer = configuration.makeOptimizer()
    let ownership = ParameterOwnership(layout, optimizer, ranks: ranks)
    // Rank 0 has the largest share, unless tensors that must stay whole change the shares.
    let owners = configuration.optimizer.sharded ? (ownership.hasMoves ? 0..<ranks : 0..<1) : 0..<0
    let state =
      owners.map { TrainingState.stateElements(layout, optimizer, owned: ownership.updated(by: $0)) }.max()
      ?? optimizer.stateElements(layout)
    stateBytes =
      2 * MemoryLayout<Float>.stride * layout.count + StateSlot.bytesPerElement * state
      + optimizer.workspaceBytes(layout)
    activationBytes = ModelPass.bytes(
      PassShape(configuration), recompute: configuration.training.recompute, trains: true, threads: threads)
    let tokenBytes =
      (configuration.data.documentMask ? 4 : 2) * (batch / ranks) * (positions + 1) * MemoryLayout<Int32>.stride
    taskBytes = TaskMemory.bytes(configuration)
    copyBytes = configuration.checkpoint.background ? Checkpoint.numberBytes(layout, optimizer) : 0
    let rounds = configuration.training.reproducible ? batch / configuration.training.microBatchSize / ranks : 1
    memoryBytesPerRank =
      stateBytes + activationBytes + tokenBytes + taskBytes + copyBytes
      + GradientReduction.bytes(buckets: layout.buckets, ranks: ranks, rounds: rounds) + RunPlan.baseBytes
    tokensPerStep = batch * positions
    stepsPerEpoch = samples.map { Double($0) / Double(batch) }
  }

  /// Bytes that the ranks of a node take, if rank 0 is one of them.
  func bytes(ranksOnNode ranks: Int) -> Int {
    // The copy of the state for checkpoint.background exists on rank 0 only.
    (memoryBytesPerRank - copyBytes) * ranks + copyBytes
  }

  /// - Throws: `ConfigurationError` if the ranks of a node need more memory than it has.
  func requireMemory(ranksOnNode ranks: Int) throws(ConfigurationError) {
    // A rank also has threads for batches, checkpoints, signals and the watchdog.
    let addressSpace = memoryBytesPerRank + Processor.addressSpace(ofThreads: threads) + 4 * SystemThread.stackBytes
    let (needed, there) = (bytes(ranksOnNode: ranks), InstalledMemory.bytes)
    if let left = ResourceLimit.addressSpaceLeft, addressSpace > left {
      throw ConfigurationError(
        "a rank would take \(Quantity.bytes(addressSpace)), the limit on its memory (ulimit -v) "
          + "leaves \(Quantity.bytes(left)): raise the limit, use fewer threads, \(RunPlan.waysToSave)")
    }
    if needed <= there { return }
    throw ConfigurationError(
      "\(Quantity.count(ranks, "rank")) on a node would take \(Quantity.bytes(needed)), more than its "
        + "\(Quantity.bytes(there)): \(RunPlan.waysToSave)")
  }

  /// Advice to a user who has too little memory.
  static let waysToSave =
    "lower training.micro_batch_size, set training.recompute to \"block\", or use fewer ranks per node"

  /// The number of samples in a run's training corpora; nil if the corpora do not exist yet.
  ///
  /// - Throws: `StorageError` if an existing corpus cannot be read; `InvalidFileError`.
  public static func samples(of configuration: RunConfiguration) throws -> Int? {
    do {
      return try configuration.openTrainingData().sources.reduce(0) { $0 + $1.sampleCount }
    } catch let error as StorageError where error.kind == .missing {
      return nil
    }
  }

  /// The plan and the resolved configuration as JSON.
  public func json(_ configuration: RunConfiguration) -> JSONValue {
    [
      "parameters": .integer(parameters),
      "flops_per_step": .integer(flopsPerStep),
      "memory_bytes_per_rank": .integer(memoryBytesPerRank),
      "steps_per_epoch": stepsPerEpoch.map { .number($0) } ?? .null,
      "tokens_per_step": .integer(tokensPerStep),
      "state_bytes_per_rank": .integer(stateBytes),
      "activation_bytes_per_rank": .integer(activationBytes),
      "task_bytes_per_rank": .integer(taskBytes),
      "background_checkpoint_bytes": .integer(copyBytes),
      "config": configuration.resolved,
    ]
  }

  /// The plan as text.
  public func text(_ configuration: RunConfiguration) -> String {
    let epoch = stepsPerEpoch.map { "\(Quantity.short($0)) steps" } ?? "unknown: the corpora do not exist yet"
    return """
      model        \(configuration.hiddenDecoding.name), \(Quantity.short(parameters)) parameters
      a step       \(tokensPerStep) tokens, \(Quantity.short(flopsPerStep)) floating-point operations
      the run      \(configuration.training.steps) steps, \
      \(Quantity.short(Double(configuration.training.steps) * Double(tokensPerStep))) tokens, \
      \(Quantity.short(Double(configuration.training.steps) * Double(flopsPerStep))) operations
      an epoch     \(epoch)
      memory       \(Quantity.bytes(memoryBytesPerRank)) per rank: \(Quantity.bytes(stateBytes)) of weights, gradients \
      and moments, \(Quantity.bytes(activationBytes)) of activations\
      \(taskBytes > 0 ? ", \(Quantity.bytes(taskBytes)) for validation.tasks" : "")\
      \(copyBytes > 0 ? ", \(Quantity.bytes(copyBytes)) for checkpoint.background (rank 0 only)" : "")
      """
  }
}
