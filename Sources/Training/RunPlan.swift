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

/// What a run will take, known from its configuration before anything is allocated.
public struct RunPlan: Sendable, Equatable {
  public let parameters: Int
  /// Operations of all matrix products of one step, all ranks together: forward and backward, nothing twice.
  public let flopsPerStep: Int
  /// Bytes that one rank, the one that takes most, allocates: weights, gradients and moments, activations, messages.
  public let memoryBytesPerRank: Int
  /// Of these, the state's: 16 bytes a parameter, with `optimizer.sharded` 8 and 8 over the ranks.
  public let stateBytes: Int
  /// And the activations'.
  public let activationBytes: Int
  /// And those of asking the model benchmarks' items; 0 where the configuration has none.
  public let taskBytes: Int
  /// And those of the copy of the state that is written while the run goes on, on rank 0 alone; 0 where it waits.
  public let copyBytes: Int
  /// Target tokens of one step.
  public let tokensPerStep: Int
  /// Of each rank.
  let threads: Int
  /// Steps until every sample was seen once; nil where the corpora are not there to be counted.
  public let stepsPerEpoch: Double?

  /// What a process of this program takes before any of it: the libraries' own memory, about.
  static let baseBytes = 48 << 20

  /// - Parameters:
  ///   - threads: of each rank.
  ///   - samples: of the training corpora together; nil where they are not known.
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
    // Rank 0 has the most, unless whole tensors move its shares.
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

  /// Bytes that a node's ranks take, of which one may be rank 0.
  func bytes(ranksOnNode ranks: Int) -> Int {
    // The copy of the state for checkpoint.background is rank 0's alone.
    (memoryBytesPerRank - copyBytes) * ranks + copyBytes
  }

  /// - Throws: `ConfigurationError` where the ranks of a node take more memory than it has.
  func requireMemory(ranksOnNode ranks: Int) throws(ConfigurationError) {
    // Beside its own, a rank has threads for batches, checkpoints and signals, and the watchdog's.
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

  /// What a user can do about too little memory.
  static let waysToSave =
    "lower training.micro_batch_size, set training.recompute to \"block\", or use fewer ranks a node"

  /// The samples of a run's training corpora; nil where they are not there yet.
  ///
  /// - Throws: `StorageError` where one is there and cannot be read; `InvalidFileError`.
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

  /// The plan in lines for people.
  public func text(_ configuration: RunConfiguration) -> String {
    let epoch = stepsPerEpoch.map { "\(Quantity.short($0)) steps" } ?? "unknown: the corpora are not there yet"
    return """
      model        \(configuration.hiddenDecoding.name), \(Quantity.short(parameters)) parameters
      a step       \(tokensPerStep) tokens, \(Quantity.short(flopsPerStep)) floating-point operations
      the run      \(configuration.training.steps) steps, \
      \(Quantity.short(Double(configuration.training.steps) * Double(tokensPerStep))) tokens, \
      \(Quantity.short(Double(configuration.training.steps) * Double(flopsPerStep))) operations
      an epoch     \(epoch)
      memory       \(Quantity.bytes(memoryBytesPerRank)) a rank: \(Quantity.bytes(stateBytes)) of weights, gradients \
      and moments, \(Quantity.bytes(activationBytes)) of activations\
      \(taskBytes > 0 ? ", \(Quantity.bytes(taskBytes)) for validation.tasks" : "")\
      \(copyBytes > 0 ? ", \(Quantity.bytes(copyBytes)) for checkpoint.background (rank 0's alone)" : "")
      """
  }
}
