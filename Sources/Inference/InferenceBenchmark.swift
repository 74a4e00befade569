import Host
import Kernels
import Transformer

/// Times prefill and decode of a model with random weights under several patterns.
public struct InferenceBenchmark {
  public struct Case: Sendable {
    public let decoding: HiddenDecoding
    /// The number of tokens of each prompt.
    public let prompt: Int
    /// The number of prompts in a batch.
    public let batch: Int

    public init(_ decoding: HiddenDecoding, prompt: Int, batch: Int) {
      self.decoding = decoding
      self.prompt = prompt
      self.batch = batch
    }
  }

  public struct Result: Sendable {
    public let benchmarkCase: Case
    /// The median over the rounds.
    public let prefillSeconds: Double
    /// The time of a decode step, which adds one token to each sequence of the batch: the median over the rounds of
    /// each round's median.
    public let decodeSecondsPerToken: Double
    /// Resident memory of the batch's caches at the end.
    public let cacheBytes: Int
    /// The minimum number of bytes that a decode step reads (weights, and the keys and values of the vanilla cache) per
    /// second, as a fraction of the rate at which memory was read in the same rounds.
    public let bandwidthShare: Double
  }

  private let weights: InferenceWeights
  private let team: ThreadTeam
  /// Shared by all cases, so that only the first one allocates memory.
  private let workspace = Workspace()
  private let decodeSteps: Int

  /// - Parameter decodeSteps: the number of tokens to decode after each prompt.
  public init(_ model: ModelConfiguration, _ precision: ElementType, decodeSteps: Int, on team: ThreadTeam) {
    let layout = ParameterLayout(model)
    let parameters = Buffer(count: layout.count)
    layout.initialize(parameters.floats, seed: 0)
    weights = InferenceWeights(layout, precision, flat: parameters)
    self.team = team
    self.decodeSteps = decodeSteps
  }

  /// Runs every case once per round.
  public func run(_ cases: [Case], rounds: Int, seconds: () -> Double) -> [Result] {
    var times = cases.map { _ in (prefill: [Double](), decode: [Double](), bytes: 0) }
    let memory = Buffer(count: 1 << 27)
    memory.floats.update(repeating: 1)
    var rates: [Double] = []
    for _ in 0..<rounds {
      rates.append(InferenceBenchmark.readRate(memory, on: team, seconds))
      for (index, benchmarkCase) in cases.enumerated() {
        let time = time(benchmarkCase, seconds)
        times[index].prefill.append(time.prefill)
        times[index].decode.append(time.decode)
        times[index].bytes = time.bytes
      }
    }
    let rate = rates.upperMedian
    return zip(cases, times).map { benchmarkCase, time in
      let decode = time.decode.upperMedian
      return Result(
        benchmarkCase: benchmarkCase, prefillSeconds: time.prefill.upperMedian, decodeSecondsPerToken: decode,
        cacheBytes: time.bytes,
        bandwidthShare: Double(bytesRead(benchmarkCase)) / decode / rate)
    }
  }

  /// Bytes of all weights but the embedding, of which only one row per token is read, and of the originals' keys and
  /// values.
  private func bytesRead(_ benchmarkCase: Case) -> Int {
    let model = weights.layout.model
    let keys = benchmarkCase.batch * benchmarkCase.prompt * 2 * model.keyValueSize * model.layers
    return weights.packed.bytesWithoutEmbedding + keys * weights.precision.bytes
  }

  private func time(_ benchmarkCase: Case, _ seconds: () -> Double) -> (prefill: Double, decode: Double, bytes: Int) {
    let model = InferenceModel(weights, benchmarkCase.decoding)
    let decoder = Decoder(model, rowsPerPass: Decoder.rowsPerPass, on: team, workspace: workspace)
    let caches = (0..<benchmarkCase.batch).map { _ in KVCache(for: model, capacity: benchmarkCase.prompt + decodeSteps)
    }
    func token(_ sequence: Int, _ position: Int) -> Int32 {
      Int32((sequence * 7919 + position * 104_729) % model.configuration.vocabularySize)
    }
    let start = seconds()
    decoder.extend(caches, by: caches.indices.map { s in (0..<benchmarkCase.prompt).map { token(s, $0) } }) { _, _, _ in
    }
    let prefill = seconds() - start
    var steps: [Double] = []
    for position in benchmarkCase.prompt..<benchmarkCase.prompt + decodeSteps {
      let start = seconds()
      decoder.extend(caches, by: caches.indices.map { [token($0, position)] }) { _, _, _ in }
      steps.append(seconds() - start)
    }
    return (prefill, steps.upperMedian, caches.reduce(0) { $0 + $1.residentBytes })
  }

  /// The rate at which the team reads memory that is in no processor cache, in bytes per second.
  ///
  /// - Parameter buffer: positive numbers, more than fit in the caches. The memory must have been written before.
  static func readRate(_ buffer: Buffer, on team: ThreadTeam, _ seconds: () -> Double) -> Double {
    let rates = (0..<3).map { _ in
      let start = seconds()
      let sum = buffer.sum(on: team)
      precondition(sum > 0, "a sum of positive numbers is \(sum)")
      return Double(buffer.count * MemoryLayout<Float>.stride) / (seconds() - start)
    }
    return rates.upperMedian
  }
}
