import Host
import Kernels
import Transformer

/// Times products of packed weights with few rows, as decoding computes them: K copies × sequences. With few rows they
/// should be as fast as memory, with many as fast as multiply-adds. A number of rows that comes near neither shows where
/// the kernels can be improved.
public struct ProductBenchmark {
  public struct Result: Sendable {
    /// The number of rows that are multiplied with all weights.
    public let rows: Int
    /// The median over the rounds.
    public let seconds: Double
    /// The bytes of the weights, read once, per second.
    public let bytesPerSecond: Double
    /// Operations per second.
    public let operationsPerSecond: Double
    /// The bytes per second as a fraction of the rate at which memory was read in the same rounds.
    public let bandwidthShare: Double
    /// The operations per second as a fraction of the rate of multiply-adds in the same rounds.
    public let arithmeticShare: Double
  }

  /// The numbers of rows that are measured.
  public static let rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 32, 48, 64]
  /// Enough weights that none is still in a cache when it is read again.
  private static let weightBytes = 1 << 28
  /// Without this limit, a model with a small hidden size would have so many outputs that the results fill the memory.
  private static let maximumOutputs = 1 << 20

  private let precision: ElementType
  private let team: ThreadTeam
  private let product: any PackedProductKernel
  private let memory: Buffer
  private let weights: PackedMatrix

  /// - Parameter columns: the inner dimension, a model's hidden size.
  public init(columns: Int, _ precision: ElementType, on team: ThreadTeam) {
    self.precision = precision
    self.team = team
    product = kernels.packedProduct(on: team)
    let rows = ProductBenchmark.weightBytes / (columns * precision.bytes)
    let outputs = min(ProductBenchmark.maximumOutputs, max(1, rows))
    memory = Buffer(count: PackedMatrix.bytes(rows: outputs, columns: columns, precision) / MemoryLayout<Float>.stride)
    weights = PackedMatrix(UnsafeMutableRawPointer(memory.pointer), precision, rows: outputs, columns: columns)
    // Only pages that have been written are read from memory.
    memory.floats.update(repeating: 0.125)
  }

  /// - Parameter seconds: a clock, in seconds.
  public func run(rounds: Int, seconds: () -> Double) -> [Result] {
    let most = ProductBenchmark.rows.max() ?? 1
    let (x, y) = (Buffer(count: most * weights.columns), Buffer(count: most * weights.rows))
    x.floats.update(repeating: 1)
    var times = ProductBenchmark.rows.map { _ in [Double]() }
    var (readRates, arithmeticRates): ([Double], [Double]) = ([], [])
    // The first round touches the memory, and does not count.
    for round in 0...rounds {
      let readRate = InferenceBenchmark.readRate(memory, on: team, seconds)
      let arithmeticRate = Processor.measureArithmetic(precision, on: team, seconds: seconds)
      if round > 0 {
        readRates.append(readRate)
        arithmeticRates.append(arithmeticRate)
      }
      for (index, rows) in ProductBenchmark.rows.enumerated() {
        let start = seconds()
        product.forward(
          Matrix(y.pointer, rows: rows, columns: weights.rows), Matrix(x.pointer, rows: rows, columns: weights.columns),
          weights)
        if round > 0 { times[index].append(seconds() - start) }
      }
    }
    let bytes = Double(memory.count * MemoryLayout<Float>.stride)
    return zip(ProductBenchmark.rows, times).map { rows, times in
      let time = times.upperMedian
      let operations = 2 * Double(rows) * Double(weights.rows) * Double(weights.columns)
      return Result(
        rows: rows, seconds: time, bytesPerSecond: bytes / time, operationsPerSecond: operations / time,
        bandwidthShare: bytes / time / readRates.upperMedian,
        arithmeticShare: operations / time / arithmeticRates.upperMedian)
    }
  }
}
