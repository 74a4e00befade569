import Communication
import Configuration
import Corpus
import Display
import Foundation
import Host
import JSON
import Kernels
import RunFiles
import Transformer

/// Measures the speed of a configuration's training steps on this machine.
public struct StepBenchmark: Sendable {
  public let ranks: Int
  public let threads: Int
  public let precision: ElementType
  /// Target tokens per second of all ranks together, from the median step. Hidden copies do not count; the last tokens
  /// of documents do.
  public let tokensPerSecond: Double
  /// FLOP/s of the model: forward and backward, without recomputation. Counts each sample as one document, so with
  /// short documents, which attend to fewer keys, it is higher than the rate of the arithmetic.
  public let modelRate: Double
  /// FLOP/s of a library's matrix products with the shapes of a step, measured between steps; median.
  public let peak: Double
  /// FLOP/s of this program's own products with the same shapes, measured between steps; median.
  public let productRate: Double
  /// FLOP/s of multiply-adds in registers, measured between steps; median. No product can be faster.
  public let arithmeticPeak: Double
  /// Peak memory of this rank's process, bytes.
  public let peakMemory: Int
  /// Memory per rank according to the plan, bytes.
  public let plannedMemory: Int
  /// Bytes that this rank sends per step: gradients, and updated weights if the optimizer state is sharded.
  public let bytesSent: Int
  /// Bytes of this rank's weights, gradients, moments and partial gradient sums.
  public let stateBytes: Int
  /// Seconds of each part of a step on rank 0; mean over the steps.
  public let secondsByPart: [(part: StepPart, seconds: Double)]

  /// Measures `steps` steps after one warm-up step. Collective.
  ///
  /// - Parameters:
  ///   - readsCorpus: whether to read the batches from `data.train`, as in a run, instead of generating one batch.
  ///   - documentLength: document length of the generated batch with `data.document_mask`; nil for one document per
  ///     sample.
  /// - Throws: `StorageError`, `InvalidFileError`, `CommunicationError`, `NotFiniteError`.
  public init(
    _ configuration: RunConfiguration, steps: Int, readsCorpus: Bool, documentLength: Int? = nil,
    _ communicator: Communicator
  ) throws {
    ranks = communicator.size
    threads = try configuration.training.threads ?? Threads.perRank(communicator)
    let plan = RunPlan(configuration, ranks: ranks, threads: threads, samples: nil)
    try communicator.agreed { try plan.requireMemory(ranksOnNode: communicator.nodeSize) }
    let team = try communicator.agreed { [threads] in try ThreadTeam(count: threads) }
    let trainer = Trainer(configuration, communicator: communicator, team: team)
    _ = try trainer.loadState(from: nil, initializingFrom: nil, tokenizer: TokenizerIdentity())
    plannedMemory = plan.memoryBytesPerRank

    let batches = try communicator.agreed {
      try Batches(configuration, trainer, readsCorpus: readsCorpus, documentLength: documentLength)
    }
    let clock = StepClock()
    var seconds: [Double] = []
    var (peaks, productRates, arithmeticPeaks): ([Double], [Double], [Double]) = ([], [], [])
    _ = try trainer.step(try communicator.agreed { try batches.next() })
    var peakMemory = StepBenchmark.peakProcessMemory
    let sentBefore = trainer.bytesSent
    for _ in 0..<steps {
      peaks.append(try trainer.measurePeak(tokens: .max))
      productRates.append(try trainer.measureProducts())
      arithmeticPeaks.append(try trainer.measureArithmetic())
      trainer.pass.clock = clock
      clock.restart()
      let start = ContinuousClock.now
      let tokens = try communicator.agreed { try batches.next() }
      clock.mark(.data)
      _ = try trainer.step(tokens)
      seconds.append((ContinuousClock.now - start).inSeconds)
      trainer.pass.clock = nil
      // Do not count the memory of the peak measurement between the steps.
      peakMemory = max(peakMemory, StepBenchmark.memory)
    }
    self.peakMemory = peakMemory
    bytesSent = (trainer.bytesSent - sentBefore) / steps
    stateBytes = trainer.stateBytes
    let step = try communicator.maximum(seconds.upperMedian)
    tokensPerSecond = Double(plan.tokensPerStep) / step
    modelRate = Double(plan.flopsPerStep) / step
    peak = peaks.upperMedian
    productRate = productRates.upperMedian
    arithmeticPeak = arithmeticPeaks.upperMedian
    secondsByPart = StepPart.allCases.map { ($0, (clock.seconds[$0] ?? 0) / Double(steps)) }
    precision = configuration.training.precision
  }

  /// The batches of a benchmark.
  private final class Batches {
    private let generated: SampleBuffer
    private let reader: BatchReader?

    init(_ configuration: RunConfiguration, _ trainer: Trainer, readsCorpus: Bool, documentLength: Int?) throws {
      let data = configuration.data
      let vocabulary = configuration.model.vocabularySize
      generated = SampleBuffer(
        sequences: trainer.localSequences.count, sequenceLength: data.sequenceLength, documentMask: data.documentMask)
      for index in generated.tokens.indices {
        generated.tokens[index] = Int32(index * 7919 % 104_729 % vocabulary)
        let position = index % (data.sequenceLength + 1)
        generated.positions?[index] = Int32(documentLength.map { position % $0 } ?? position)
      }
      reader =
        readsCorpus
        ? try BatchReader(
          configuration.openTrainingData(), vocabularySize: vocabulary,
          globalBatchSize: configuration.training.globalBatchSize, localSequences: trainer.localSequences,
          documentMask: data.documentMask) : nil
    }

    func next() throws -> SequenceTokens {
      if let reader { return SequenceTokens(try reader.next()) }
      return SequenceTokens(generated)
    }
  }

  /// The peak memory of this process, bytes.
  private static var peakProcessMemory: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  /// The current memory of this process, bytes.
  private static var memory: Int {
    let counts = SystemFile.text("/proc/self/statm").split(separator: " ")
    return (counts.dropFirst().first.flatMap { Int($0) } ?? 0) * sysconf(Int32(_SC_PAGESIZE))
  }

  public var json: JSONValue {
    [
      "tokens_per_second": .number(tokensPerSecond), "gemm_peak_gflops": .number(peak / 1e9),
      "model_gflops": .number(modelRate / 1e9), "peak_memory_bytes": .integer(peakMemory),
      "seconds_by_part": .object(
        secondsByPart.reduce(into: JSONValue.Object()) { $0[$1.part.rawValue] = .number($1.seconds) }),
      "planned_memory_bytes": .integer(plannedMemory), "state_bytes": .integer(stateBytes),
      "bytes_sent_per_step": .integer(bytesSent), "share_of_peak": .number(modelRate / peak),
      "product_gflops": .number(productRate / 1e9), "arithmetic_peak_gflops": .number(arithmeticPeak / 1e9),
      "share_of_arithmetic": .number(modelRate / arithmeticPeak),
      "precision": .string(precision.rawValue), "ranks": .integer(ranks), "threads": .integer(threads),
      "kernels": .string(KernelChoice.current.rawValue), "blas_kernel": .string(Processor.blasKernel),
    ]
  }

  public var text: String {
    let total = secondsByPart.reduce(0) { $0 + $1.seconds }
    let parts = secondsByPart.map { part, seconds in
      "  " + part.rawValue.replacing("_", with: " ").padding(toLength: 20, withPad: " ", startingAt: 0)
        + String(format: "%8.3f s  %5.1f %%", seconds, 100 * seconds / max(total, 1e-12))
    }
    return """
      ranks        \(ranks), \(Quantity.count(threads, "thread")) each, \(precision.rawValue), kernels \
      \(KernelChoice.current.rawValue), OpenBLAS \(Processor.blasKernel)
      speed        \(Quantity.short(tokensPerSecond)) tokens/s
      arithmetic   \(Quantity.short(modelRate / 1e9)) GFLOP/s, \
      \(Int((100 * modelRate / arithmeticPeak).rounded())) % of the \(Quantity.short(arithmeticPeak / 1e9)) GFLOP/s of \
      the processor's multiply-adds
      products     \(Quantity.short(productRate / 1e9)) GFLOP/s, \(Quantity.short(peak / 1e9)) by \
      \(Processor.library(of: precision))
      memory       \(Quantity.bytes(peakMemory)) at the peak, \(Quantity.bytes(plannedMemory)) planned, \
      \(Quantity.bytes(stateBytes)) of it for weights, gradients and moments
      sent         \(Quantity.bytes(bytesSent)) per step by this rank
      a step
      \(parts.joined(separator: "\n"))
      """
  }
}
