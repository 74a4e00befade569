/// A noisy curve made smooth.
public enum Smoothing {
  /// How many of a run's records to average over, where nobody says.
  static let percent = 2

  /// The same in records.
  public static func width(of count: Int) -> Int { max(1, count * percent / 100) }

  /// Means over `width` numbers around each, or over fewer: at the beginning, where losses fall steeply, the reach to
  /// either side is an eighth of the numbers before, so that the curve begins where the numbers do and does not leave
  /// them; at the end it takes what there is. What is not finite counts nowhere; a number without any finite one in reach
  /// is NaN. O(count).
  public static func means(_ values: [Double], width: Int) -> [Double] {
    let reach = max(0, width / 2)
    guard reach > 0 else { return values }
    // Running sums are about the mean of all: so little is lost to rounding over a million of them.
    var (sums, counts) = ([0.0], [0])
    sums.reserveCapacity(values.count + 1)
    counts.reserveCapacity(values.count + 1)
    let finite = values.lazy.filter(\.isFinite)
    let centre = finite.reduce(0, +) / Double(max(1, finite.reduce(0) { count, _ in count + 1 }))
    var (sum, count) = (0.0, 0)
    for value in values {
      if value.isFinite {
        sum += value - centre
        count += 1
      }
      sums.append(sum)
      counts.append(count)
    }
    return values.indices.map { index in
      let reach = min(reach, index / 8)
      let (low, high) = (index - reach, min(values.count, index + reach + 1))
      let count = counts[high] - counts[low]
      return count == 0 ? .nan : centre + (sums[high] - sums[low]) / Double(count)
    }
  }
}
