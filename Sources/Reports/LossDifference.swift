/// The mean difference between two runs' losses over a range of an axis, with a 95 % confidence interval.
///
/// The range is divided into up to twenty blocks. In each block both runs' losses are averaged and subtracted. This
/// removes the trend that the curves share, and, if the runs have the same batches, the noise of the batches. The interval
/// is that of the mean of the blocks' differences, by Student's t. Block averages keep it valid if the noise of
/// neighbouring steps is correlated. It covers the noise within these two runs, not the variation between seeds.
public struct LossDifference: Sendable, Equatable {
  /// Nats per token; negative if the run is better than the other.
  public let mean: Double
  /// Half the width of the 95 % confidence interval; nil if there are fewer than three blocks.
  public let halfWidth: Double?
  public let blocks: Int

  /// - Parameters:
  ///   - run: ascending positions on the axis, and the losses there.
  ///   - other: the same for the run to compare with.
  ///   - range: the range of the axis, without its lower end.
  /// - Returns: nil if no block contains losses of both runs.
  public init?(
    _ run: [(position: Double, loss: Double)], _ other: [(position: Double, loss: Double)],
    over range: ClosedRange<Double>
  ) {
    let width = range.upperBound - range.lowerBound
    func inside(_ losses: [(position: Double, loss: Double)]) -> [(position: Double, loss: Double)] {
      losses.filter { $0.position > range.lowerBound && $0.position <= range.upperBound && $0.loss.isFinite }
    }
    let (mine, theirs) = (inside(run), inside(other))
    let count = min(LossDifference.maximumBlocks, mine.count, theirs.count)
    guard count > 0, width > 0 else { return nil }
    func blockMeans(_ losses: [(position: Double, loss: Double)]) -> [Double] {
      var (sums, counts) = (Array(repeating: 0.0, count: count), Array(repeating: 0.0, count: count))
      for loss in losses {
        // Each block includes its upper end, like the whole range.
        let block = ((loss.position - range.lowerBound) / width * Double(count) - 1e-9).rounded(.up) - 1
        let index = max(0, min(count - 1, Int(block)))
        sums[index] += loss.loss
        counts[index] += 1
      }
      return zip(sums, counts).map { $0 / $1 }
    }
    let differences = zip(blockMeans(mine), blockMeans(theirs)).map { $0 - $1 }.filter(\.isFinite)
    guard !differences.isEmpty else { return nil }
    blocks = differences.count
    let mean = differences.reduce(0, +) / Double(blocks)
    self.mean = mean
    guard blocks >= 3 else {
      halfWidth = nil
      return
    }
    let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(blocks - 1)
    halfWidth = LossDifference.quantiles[blocks - 2] * (variance / Double(blocks)).squareRoot()
  }

  static let maximumBlocks = 20

  /// The two-sided 95 % quantiles of Student's t with 1, 2, … 19 degrees of freedom.
  private static let quantiles = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093,
  ]
}
