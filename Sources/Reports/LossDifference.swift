/// How much higher a run's loss is than another's over a stretch of an axis, and how surely.
///
/// The stretch is cut into up to twenty blocks. In each, both runs' losses are averaged and subtracted: what the curves
/// share, their fall, and of runs with the same batches the batches' luck too, is gone. The interval is that of the mean
/// of the blocks' differences, by Student's t; averaging over blocks makes it hold for losses whose noise goes on from
/// step to step. It speaks of the noise of these two runs, not of what other seeds would give.
public struct LossDifference: Sendable, Equatable {
  /// Nats a token; below zero where the run is better.
  public let mean: Double
  /// The mean lies within so much of the true one 95 times in a hundred; nil where there are fewer than three blocks.
  public let halfWidth: Double?
  public let blocks: Int

  /// - Parameters:
  ///   - run: places on the axis, rising, and losses there.
  ///   - other: those of the run it is compared with.
  ///   - stretch: of the axis, its lower end left out.
  /// - Returns: nil where no block holds losses of both.
  public init?(
    _ run: [(place: Double, loss: Double)], _ other: [(place: Double, loss: Double)], over stretch: ClosedRange<Double>
  ) {
    let width = stretch.upperBound - stretch.lowerBound
    func inside(_ losses: [(place: Double, loss: Double)]) -> [(place: Double, loss: Double)] {
      losses.filter { $0.place > stretch.lowerBound && $0.place <= stretch.upperBound && $0.loss.isFinite }
    }
    let (mine, theirs) = (inside(run), inside(other))
    let count = min(LossDifference.mostBlocks, mine.count, theirs.count)
    guard count > 0, width > 0 else { return nil }
    func blockMeans(_ losses: [(place: Double, loss: Double)]) -> [Double] {
      var (sums, counts) = (Array(repeating: 0.0, count: count), Array(repeating: 0.0, count: count))
      for loss in losses {
        // A place at a block's upper end belongs to it, as the stretch's belongs to the stretch.
        let block = ((loss.place - stretch.lowerBound) / width * Double(count) - 1e-9).rounded(.up) - 1
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

  static let mostBlocks = 20

  /// Student's t for 1, 2, … 19 degrees of freedom: 95 % of its values lie within ± this.
  private static let quantiles = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093,
  ]
}
