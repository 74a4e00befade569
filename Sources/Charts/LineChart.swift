/// A line chart as SVG or as text.
///
/// Lines differ in colour (Okabe and Ito's, which colour-blind readers can tell apart) and in their markers. The legend is
/// to the right of the plot. The SVG has a light and a dark colour scheme.
public struct LineChart: Sendable {
  public enum Scale: Sendable {
    case linear
    case linearFromZero
    /// From zero to the last point, not to the next round number.
    case linearFromZeroToLast
    case logarithmic
  }

  public struct Line: Sendable {
    public let name: String
    /// Ordered by x.
    public let points: [(x: Double, y: Double)]
    /// The values before smoothing, drawn as a thin pale line behind all lines and clipped to the axes.
    public let behind: [(x: Double, y: Double)]
    /// Whether each point has a marker.
    public let isMarked: Bool

    public init(
      _ name: String, _ points: [(x: Double, y: Double)], behind: [(x: Double, y: Double)] = [], isMarked: Bool = true
    ) {
      self.name = name
      self.points = points
      self.behind = behind
      self.isMarked = isMarked
    }
  }

  public var title: String
  public var xTitle: String
  public var yTitle: String
  public var xScale: Scale
  public var yScale: Scale
  public var lines: [Line]
  /// The first fraction of the horizontal axis whose values do not affect the range of the vertical axis. A curve that
  /// falls steeply at first is clipped there, and the rest has more room. Not used with a logarithmic horizontal axis.
  public var steepShare = 0.0
  /// Whether the horizontal axis has its ticks at the points, if there are few.
  public var hasTicksAtPoints = true

  public init(
    _ title: String, x xTitle: String, _ xScale: Scale, y yTitle: String, _ yScale: Scale, _ lines: [Line]
  ) {
    self.title = title
    self.xTitle = xTitle
    self.yTitle = yTitle
    self.xScale = xScale
    self.yScale = yScale
    self.lines = lines
  }

  /// The chart as SVG. Points that an axis cannot show (not finite, beyond 1e150, or below its start) are omitted. The
  /// chart is higher than `height` if the legend needs it.
  public func svg(width: Double = 720, height: Double = 400) -> String {
    svg(width: width, height: max(height, minimumHeight), at: nil)
  }

  /// The height that the legend needs.
  var minimumHeight: Double { 96 + 20 * Double(shownLines.count) }

  func svg(width: Double, height: Double, at corner: (x: Double, y: Double)?) -> String {
    let shown = shownLines
    let (xAxis, yAxis) = axes(of: shown)
    let names = LineChart.width(of: shown.map(\.name).max { $0.count < $1.count } ?? "")
    let ticks = yAxis.labels
    let left = 40 + LineChart.width(of: ticks.max { $0.count < $1.count } ?? "")
    let plot = Rectangle(left: left, top: 44, right: max(left + 80, width - 48 - names), bottom: height - 52)
    func x(_ value: Double) -> Double { plot.left + xAxis.position(value) * (plot.right - plot.left) }
    func y(_ value: Double) -> Double { plot.bottom - yAxis.position(value) * (plot.bottom - plot.top) }

    var svg = Drawing(width, height, at: corner)
    svg.text(title, (plot.left + plot.right) / 2, 24, "class=\"title\" text-anchor=\"middle\"")
    for (value, label) in zip(yAxis.ticks, ticks) {
      svg.line((plot.left, y(value)), (plot.right, y(value)), "class=\"grid\"")
      svg.text(label, plot.left - 8, y(value) + 4, "text-anchor=\"end\"")
    }
    for (value, label) in xTicks(xAxis, shown) {
      svg.line((x(value), plot.bottom), (x(value), plot.bottom + 4), "class=\"axis\"")
      svg.text(label, x(value), plot.bottom + 18, "text-anchor=\"middle\"")
    }
    svg.line((plot.left, plot.bottom), (plot.right, plot.bottom), "class=\"axis\"")
    svg.text(xTitle, (plot.left + plot.right) / 2, height - 12, "text-anchor=\"middle\"")
    let middle = (plot.top + plot.bottom) / 2
    svg.text(
      yTitle, 0, 0, "text-anchor=\"middle\" transform=\"translate(16 \(SVG.short(middle))) rotate(-90)\"")
    // A line on the plot's edge is not clipped to half its width.
    svg.clip(left: plot.left - 2, top: plot.top - 2, right: plot.right + 2, bottom: plot.bottom + 2) { svg in
      for (index, line) in shown.enumerated() where !line.behind.isEmpty {
        svg.pale(through: line.behind.map { (x: x($0.x), y: y($0.y)) }.thinned(), index)
      }
      for (index, line) in shown.enumerated() where !line.isMarked {
        svg.line(through: line.points.map { (x: x($0.x), y: y($0.y)) }.thinned(), index)
      }
    }
    for (index, line) in shown.enumerated() {
      let places = line.isMarked ? line.points.map { (x: x($0.x), y: y($0.y)) } : []
      if line.isMarked { svg.line(through: places, index) }
      for place in places { svg.marker(place.x, place.y, index) }
      let row = plot.top + 10 + 20 * Double(index)
      svg.line(through: [(plot.right + 14, row), (plot.right + 34, row)], index)
      if line.isMarked { svg.marker(plot.right + 24, row, index) }
      svg.text(line.name, plot.right + 40, row + 4, "")
    }
    return svg.finished
  }

  private struct Rectangle {
    let left, top, right, bottom: Double
  }

  /// The lines without points that an axis cannot show, and without lines that have no other points.
  var shownLines: [Line] {
    lines.map { line in
      Line(
        line.name, line.points.filter { isShown($0) }, behind: line.behind.filter { isShown($0) },
        isMarked: line.isMarked)
    }.filter { !$0.points.isEmpty }
  }

  /// Axes that contain all points, and most of the values before smoothing.
  func axes(of lines: [Line]) -> (x: Axis, y: Axis) {
    var (xs, ys) = (Ends(), Ends())
    for line in lines {
      for point in line.points { xs.include(point.x) }
    }
    let (first, last) = (xs.values.first ?? 0, xs.values.last ?? 0)
    let start = xScale == .logarithmic ? first : first + steepShare * (last - first)
    for line in lines {
      // A line that ends before `start` is included entirely.
      let isLate = (line.points.last?.x ?? start) >= start
      for point in line.points where point.x >= start || !isLate { ys.include(point.y) }
      let behind = line.behind.lazy.filter { $0.x >= start || !isLate }.map(\.y).sorted()
      let few = behind.count / 500
      if let low = behind.dropFirst(few).first, let high = behind.dropLast(few).last {
        ys.include(low)
        ys.include(high)
      }
    }
    return (Axis(xs.values, xScale), Axis(ys.values, yScale))
  }

  /// The minimum and maximum of numbers.
  private struct Ends {
    private var low = Double.infinity
    private var high = -Double.infinity

    var values: [Double] { low > high ? [] : [low, high] }

    mutating func include(_ value: Double) {
      low = min(low, value)
      high = max(high, value)
    }
  }

  /// Magnitudes that axes can show: sums and quotients of two such numbers are finite.
  private static let magnitudes = 1e-150...1e150

  private func isShown(_ point: (x: Double, y: Double)) -> Bool {
    func isShown(_ value: Double, _ scale: Scale) -> Bool {
      guard value == 0 || LineChart.magnitudes.contains(abs(value)) else { return false }
      return switch scale {
      case .linear: true
      case .linearFromZero, .linearFromZeroToLast: value >= 0
      case .logarithmic: value > 0
      }
    }
    return isShown(point.x, xScale) && isShown(point.y, yScale)
  }

  /// Ticks with labels: at the points if there are few, else at round numbers.
  private func xTicks(_ axis: Axis, _ lines: [Line]) -> [(value: Double, label: String)] {
    let isFew = hasTicksAtPoints && lines.allSatisfy { $0.points.count <= 12 }
    let own = isFew ? Set(lines.flatMap { $0.points.map(\.x) }).sorted() : []
    let places = own.map { axis.position($0) }
    if isFew && own.count <= 12 && zip(places, places.dropFirst()).allSatisfy({ $1 - $0 > 0.05 }) {
      return own.map { ($0, Axis.label($0)) }
    }
    return Array(zip(axis.ticks, axis.labels))
  }

  /// The approximate width of a text.
  private static func width(of text: String) -> Double { 7 * Double(text.count) }
}
