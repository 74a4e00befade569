/// Moving averages.
public enum Smoothing {
  /// The default number of records per average, in percent of the run's records.
  static let percent = 2

  /// The default number of records per average, for a run of `count` records.
  public static func width(of count: Int) -> Int { max(1, count * percent / 100) }

  /// Centred means over `width` numbers. O(count).
  ///
  /// At the beginning, where losses fall steeply, the window reaches to either side over an eighth of the preceding
  /// numbers at most, so the curve stays close to the numbers. At the end the window is cut off. Numbers that are not
  /// finite are ignored; the mean is NaN if the window contains no finite number.
  public static func means(_ values: [Double], width: Int) -> [Double] {
    let reach = max(0, width / 2)
    guard reach > 0 else { return values }
    // The running sums are of deviations from the overall mean, to keep rounding errors small for a million numbers.
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
