/// A series of numbers as one line of characters: ▇▅▄▃▂▂▁.
public struct Sparkline: Sendable {
  private static let blocks = Array("▁▂▃▄▅▆▇█")
  /// The maximum number of points. When it is reached, pairs of neighbours are merged.
  private static let capacity = 512

  /// Means of `span` values each.
  private var points: [Double] = []
  /// Values that do not yet form a complete point.
  private var waiting: [Double] = []
  private var span = 1

  public init() {}

  /// Appends a value. Values that are not finite are ignored.
  public mutating func append(_ value: Double) {
    guard value.isFinite else { return }
    waiting.append(value)
    guard waiting.count >= span else { return }
    points.append(waiting.reduce(0, +) / Double(waiting.count))
    waiting.removeAll(keepingCapacity: true)
    guard points.count >= Sparkline.capacity else { return }
    points = stride(from: 0, to: points.count, by: 2).map { (points[$0] + points[$0 + 1]) / 2 }
    span *= 2
  }

  /// The whole series in at most `width` characters.
  public func text(width: Int) -> String {
    let values = waiting.isEmpty ? points : points + [waiting.reduce(0, +) / Double(waiting.count)]
    let columns = min(width, values.count)
    guard columns > 0 else { return "" }
    let means = (0..<columns).map { column in
      let part = values[column * values.count / columns..<(column + 1) * values.count / columns]
      return part.reduce(0, +) / Double(part.count)
    }
    guard let low = means.min(), let high = means.max() else { return "" }
    let range = max(high - low, 1e-12 * max(abs(high), 1))
    let top = Double(Sparkline.blocks.count - 1)
    return String(means.map { Sparkline.blocks[Int((($0 - low) / range * top).rounded())] })
  }
}
