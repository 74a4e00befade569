import Communication
import Foundation
import Kernels
import Transformer

/// How fast a configuration's steps are on this machine, on random tokens.
public struct StepBenchmark: Sendable {
  public let ranks: Int
  public let threads: Int
  /// Median over the steps, all ranks together, copies not counted.
  public let tokensPerSecond: Double
  /// The model's operations a second: forward and backward, nothing counted twice.
  public let modelRate: Double
  /// Operations a second of matrix products of the step's own shapes, measured between the steps; median.
  public let peak: Double
  /// The most memory that this rank's process has had.
  public let peakMemory: Int
  /// What the plan says of it.
  public let plannedMemory: Int
  /// Seconds of one step, by part, on rank 0; the mean over the steps.
  public let secondsByPart: [(part: StepPart, seconds: Double)]

  /// Takes `steps` steps after one that is not counted. Collective.
  ///
  /// - Throws: `CommunicationError`, `NotFiniteError`.
  public init(_ configuration: RunConfiguration, steps: Int, _ communicator: Communicator) throws {
    ranks = communicator.size
    threads = try configuration.training.threads ?? Threads.perRank(communicator)
    let trainer = Trainer(configuration, communicator: communicator, team: ThreadTeam(count: threads))
    _ = try trainer.begin(from: nil, initializingFrom: nil)
    let plan = RunPlan(configuration, ranks: ranks, threads: threads, samples: nil)
    plannedMemory = plan.memoryBytesPerRank

    let count = trainer.localSequences.count * (configuration.data.sequenceLength + 1)
    let tokens = (0..<count).map { Int32($0 * 7919 % 104_729 % configuration.model.vocabularySize) }
    let clock = StepClock()
    var seconds: [Double] = []
    var peaks: [Double] = []
    try tokens.withUnsafeBufferPointer { tokens in
      _ = try trainer.step(tokens)
      for _ in 0..<steps {
        peaks.append(try trainer.measurePeak())
        trainer.pass.clock = clock
        clock.restart()
        let start = ContinuousClock.now
        _ = try trainer.step(tokens)
        seconds.append((ContinuousClock.now - start).inSeconds)
        trainer.pass.clock = nil
      }
    }
    let step = try communicator.maximum(StepBenchmark.median(seconds))
    tokensPerSecond = Double(plan.tokensPerStep) / step
    modelRate = Double(plan.flopsPerStep) / step
    peak = StepBenchmark.median(peaks)
    secondsByPart = StepPart.allCases.map { ($0, (clock.seconds[$0] ?? 0) / Double(steps)) }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    peakMemory = usage.ru_maxrss * 1024
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  public var json: JSONValue {
    [
      "tokens_per_second": .number(tokensPerSecond), "gemm_peak_gflops": .number(peak / 1e9),
      "model_gflops": .number(modelRate / 1e9), "peak_memory_bytes": .integer(peakMemory),
      "seconds_by_part": .object(
        secondsByPart.reduce(into: JSONValue.Object()) { $0[$1.part.rawValue] = .number($1.seconds) }),
      "planned_memory_bytes": .integer(plannedMemory), "share_of_peak": .number(modelRate / peak),
      "ranks": .integer(ranks), "threads": .integer(threads), "blas_kernel": .string(Processor.blasKernel),
    ]
  }

  public var text: String {
    let total = secondsByPart.reduce(0) { $0 + $1.seconds }
    let parts = secondsByPart.map { part, seconds in
      "  " + part.rawValue.replacing("_", with: " ").padding(toLength: 20, withPad: " ", startingAt: 0)
        + String(format: "%8.3f s  %5.1f %%", seconds, 100 * seconds / max(total, 1e-12))
    }
    return """
      ranks        \(ranks), \(threads) thread\(threads == 1 ? "" : "s") each, OpenBLAS \(Processor.blasKernel)
      speed        \(Quantity.short(tokensPerSecond)) tokens/s
      arithmetic   \(Quantity.short(modelRate / 1e9)) GFLOP/s, \(Int((100 * modelRate / peak).rounded())) % of the \
      \(Quantity.short(peak / 1e9)) GFLOP/s of its matrix products
      memory       \(Quantity.bytes(peakMemory)) at the most, \(Quantity.bytes(plannedMemory)) planned
      a step
      \(parts.joined(separator: "\n"))
      """
  }
}
