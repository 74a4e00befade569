import Communication
import Kernels
import Transformer

/// Weights and moments in flat buffers: all weights, and the moments of those that this rank updates.
public struct TrainingState: Sendable {
  /// One of AdamW's moments.
  public enum Moment: String, CaseIterable, Sendable {
    /// The running average of gradients.
    case average = "exp_avg"
    /// The running average of squared gradients.
    case squareAverage = "exp_avg_sq"
  }

  public let layout: ParameterLayout
  public let parameters: Buffer
  /// The parameters that this rank updates, ascending; they are all where the state is not sharded.
  public let owned: [Range<Int>]
  public var progress = RunProgress()

  /// Of the owned parameters, one range after another.
  private let average: Buffer
  private let squareAverage: Buffer
  /// Where each owned range's moments start.
  private let starts: [Int]

  /// - Parameter owned: ascending ranges of the parameters; nil for all.
  public init(_ layout: ParameterLayout, owned: [Range<Int>]? = nil) {
    let owned = owned ?? [0..<layout.count]
    precondition(zip(owned, owned.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "ranges that overlap")
    self.layout = layout
    self.owned = owned
    var (starts, end) = ([Int](), 0)
    for range in owned {
      starts.append(end)
      end += range.count
    }
    self.starts = starts
    parameters = Buffer(count: layout.count)
    average = Buffer(count: end)
    squareAverage = Buffer(count: end)
  }

  /// Bytes of weights and moments.
  public var bytes: Int { 4 * (parameters.count + average.count + squareAverage.count) }

  /// The parts of a range of the parameters that this rank updates, and where their moments are.
  func ownedParts(of range: Range<Int>) -> [(range: Range<Int>, moments: Range<Int>)] {
    zip(owned, starts).compactMap { owned, start in
      let part = owned.clamped(to: range)
      guard !part.isEmpty else { return nil }
      let first = start + part.lowerBound - owned.lowerBound
      return (part, first..<first + part.count)
    }
  }

  subscript(moment: Moment) -> Buffer {
    switch moment {
    case .average: average
    case .squareAverage: squareAverage
    }
  }
}

extension TrainingState {
  /// What each rank updates of the parameters: of every bucket a share.
  static func shares(_ layout: ParameterLayout, rank: Int, ranks: Int) -> [Range<Int>] {
    layout.buckets.map { GradientReduction.share(of: $0, rank: rank, ranks: ranks) }.filter { !$0.isEmpty }
      .sorted { $0.lowerBound < $1.lowerBound }
  }
}
