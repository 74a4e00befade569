/// Several charts on one page, side by side and below one another.
public struct ChartPage: Sendable {
  public var charts: [LineChart]
  public var columns: Int

  public init(_ charts: [LineChart], columns: Int) {
    self.charts = charts
    self.columns = max(1, columns)
  }

  /// The picture.
  ///
  /// - Parameters:
  ///   - width: of each chart.
  ///   - height: of each chart, and more where the lines' names of one need it.
  public func svg(width: Double = 720, height: Double = 400) -> String {
    let height = max(height, charts.map(\.leastHeight).max() ?? 0)
    let across = max(1, min(columns, charts.count))
    var page = Drawing(width * Double(across), height * Double((charts.count + across - 1) / across))
    for (index, chart) in charts.enumerated() {
      let corner = (x: width * Double(index % across), y: height * Double(index / across))
      page.add(chart.svg(width: width, height: height, at: corner))
    }
    return page.finished
  }
}
