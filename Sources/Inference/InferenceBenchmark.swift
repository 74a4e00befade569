import Host
import Kernels
import Transformer

/// Times prefill and decoding of one model's sizes under several patterns, all with the same random weights.
public struct InferenceBenchmark {
  public struct Case: Sendable {
    public let decoding: HiddenDecoding
    /// Tokens of each prompt.
    public let prompt: Int
    /// Prompts at once.
    public let batch: Int

    public init(_ decoding: HiddenDecoding, prompt: Int, batch: Int) {
      self.decoding = decoding
      self.prompt = prompt
      self.batch = batch
    }
  }

  public struct Result: Sendable {
    public let of: Case
    /// Medians over the rounds.
    public let prefillSeconds: Double
    /// Of a step that adds a token to each of the batch's sequences.
    public let decodeSecondsPerToken: Double
    /// Of the whole batch, at the end: what the system says is in memory.
    public let cacheBytes: Int
    /// What a step of decoding reads at the least, weights and vanilla's cached keys, by its time, over the rate at
    /// which memory was read in the same rounds.
    public let bandwidthShare: Double
  }

  private let weights: InferenceWeights
  private let team: ThreadTeam
  /// Of all cases: only the first has to wait for memory from the system.
  private let workspace = Workspace()
  private let decodeSteps: Int

  /// - Parameter decodeSteps: tokens to decode after each prompt.
  public init(_ model: ModelConfiguration, _ precision: ElementType, decodeSteps: Int, on team: ThreadTeam) {
    let layout = ParameterLayout(model)
    let parameters = Buffer(count: layout.count)
    layout.initialize(parameters.floats, seed: 0)
    weights = InferenceWeights(layout, precision, flat: parameters)
    self.team = team
    self.decodeSteps = decodeSteps
  }

  /// Runs every case once a round, in turn.
  public func run(_ cases: [Case], rounds: Int, seconds: () -> Double) -> [Result] {
    var times = cases.map { _ in (prefill: [Double](), decode: [Double](), bytes: 0) }
    var rates: [Double] = []
    for _ in 0..<rounds {
      rates.append(readRate(seconds))
      for (index, one) in cases.enumerated() {
        let time = time(one, seconds)
        times[index].prefill.append(time.prefill)
        times[index].decode.append(time.decode)
        times[index].bytes = time.bytes
      }
    }
    let rate = rates.upperMedian
    return zip(cases, times).map { one, time in
      let decode = time.decode.upperMedian
      return Result(
        of: one, prefillSeconds: time.prefill.upperMedian, decodeSecondsPerToken: decode, cacheBytes: time.bytes,
        bandwidthShare: Double(bytesRead(one)) / decode / rate)
    }
  }

  /// All weights but the embedding's, which one row of is read, and the originals' keys and values.
  private func bytesRead(_ one: Case) -> Int {
    let model = weights.layout.model
    let keys = one.batch * one.prompt * 2 * model.keyValueSize * model.layers
    return weights.places.bytesWithoutEmbedding + keys * weights.precision.bytes
  }

  private func time(_ one: Case, _ seconds: () -> Double) -> (prefill: Double, decode: Double, bytes: Int) {
    let model = InferenceModel(weights, one.decoding)
    let decoder = Decoder(model, rowsAtOnce: Decoder.rowsAtOnce, on: team, workspace: workspace)
    let caches = (0..<one.batch).map { _ in KVCache(for: model, capacity: one.prompt + decodeSteps) }
    func token(_ sequence: Int, _ position: Int) -> Int32 {
      Int32((sequence * 7919 + position * 104_729) % model.configuration.vocabularySize)
    }
    let start = seconds()
    decoder.extend(caches, by: caches.indices.map { s in (0..<one.prompt).map { token(s, $0) } }) { _, _, _ in }
    let prefill = seconds() - start
    var steps: [Double] = []
    for position in one.prompt..<one.prompt + decodeSteps {
      let start = seconds()
      decoder.extend(caches, by: caches.indices.map { [token($0, position)] }) { _, _, _ in }
      steps.append(seconds() - start)
    }
    return (prefill, steps.upperMedian, caches.reduce(0) { $0 + $1.residentBytes })
  }

  /// Bytes a second at which the team reads memory that no cache holds.
  private func readRate(_ seconds: () -> Double) -> Double {
    let buffer = Buffer(count: 1 << 27)
    buffer.floats.update(repeating: 1)
    let rates = (0..<3).map { _ in
      let start = seconds()
      let sum = buffer.sum(on: team)
      precondition(sum > 0, "a sum of ones is \(sum)")
      return Double(buffer.count * MemoryLayout<Float>.stride) / (seconds() - start)
    }
    return rates.upperMedian
  }
}
