/// Several charts on one page, in rows and columns.
public struct ChartPage: Sendable {
  public var charts: [LineChart]
  public var columns: Int

  public init(_ charts: [LineChart], columns: Int) {
    self.charts = charts
    self.columns = max(1, columns)
  }

  /// The page as SVG.
  ///
  /// - Parameters:
  ///   - width: the width of each chart.
  ///   - height: the minimum height of each chart; larger if a chart's legend needs it.
  public func svg(width: Double = 720, height: Double = 400) -> String {
    let height = max(height, charts.map(\.minimumHeight).max() ?? 0)
    let across = max(1, min(columns, charts.count))
    var page = Drawing(width * Double(across), height * Double((charts.count + across - 1) / across))
    for (index, chart) in charts.enumerated() {
      let corner = (x: width * Double(index % across), y: height * Double(index / across))
      page.add(chart.svg(width: width, height: height, at: corner))
    }
    return page.finished
  }
}
