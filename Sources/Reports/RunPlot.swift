import Charts
import Foundation

/// Charts of runs: one chart per measure, one line per run.
public struct RunPlot: Sendable {
  public let runs: [RunLog]
  public var axis = RunAxis.steps
  public var isLogarithmicX = false
  public var isLogarithmicY = false
  /// Records per moving average; nil for a fiftieth of the run's records.
  public var smoothing: Int?

  public init(_ runs: [RunLog]) { self.runs = runs }

  /// The measures that at least one run has records of.
  public var measures: [RunMeasure] { RunMeasure.allCases.filter { measure in runs.contains { $0.has(measure) } } }

  /// The runs that cannot be plotted over the axis because their logs do not record positions on it.
  public var runsWithoutAxis: [RunLog] {
    runs.filter { run in run.positions(axis) == nil && RunMeasure.allCases.contains { run.has($0) } }
  }

  /// The chart of a measure.
  public func chart(_ measure: RunMeasure) -> LineChart {
    let (unit, title) = scaleOfX
    var lines: [(name: String, last: Double?, line: LineChart.Line)] = []
    for (run, name) in zip(runs, RunPlot.names(of: runs)) {
      if let field = measure.field {
        guard let positions = run.positions(axis) else { continue }
        let values = run.steps.map { $0[field] }
        let width = measure.isNoisy ? smoothing ?? Smoothing.width(of: values.count) : 1
        let smooth = Smoothing.means(values, width: width)
        let points = RunPlot.points(positions, smooth, unit)
        let behind = width > 1 ? RunPlot.points(positions, values, unit) : []
        lines.append((name, smooth.last, LineChart.Line(name, points, behind: behind, isMarked: false)))
      } else {
        for series in run.series(measure) {
          guard let positions = run.positions(of: series.steps, axis) else { continue }
          let points = zip(positions, series.values).map { (x: $0 / unit, y: $1) }
          let label = runs.count == 1 ? series.name : "\(name), \(series.name)"
          lines.append((label, series.values.last, LineChart.Line(label, points, isMarked: points.count <= 60)))
        }
      }
    }
    let yScale: LineChart.Scale =
      isLogarithmicY ? .logarithmic : measure == .loss || measure == .validation ? .linear : .linearFromZero
    var chart = LineChart(
      measure.title, x: title, isLogarithmicX ? .logarithmic : .linearFromZeroToLast, y: measure.axisTitle, yScale,
      zip(lines, RunPlot.shortened(lines.map(\.name))).map { line, name in
        let drawn = line.line
        return LineChart.Line(
          measure.labelled(name, line.last), drawn.points, behind: drawn.behind, isMarked: drawn.isMarked)
      })
    if measure.isNoisy { chart.steepShare = 0.05 }
    chart.hasTicksAtPoints = false
    return chart
  }

  /// The finite values at their positions, reduced to as many as a chart can show.
  private static func points(_ positions: [Double], _ values: [Double], _ unit: Double) -> [(x: Double, y: Double)] {
    zip(positions, values).filter { $1.isFinite }.map { (x: $0 / unit, y: $1) }.bounded()
  }

  /// The divisor of the axis's numbers, and its title.
  private var scaleOfX: (unit: Double, title: String) {
    switch axis {
    case .steps: return (1, "step")
    case .tokens: return (1, "tokens")
    case .flops: return (1, "floating-point operations")
    case .time:
      let longest = runs.compactMap(\.elapsed.last).max() ?? 0
      if longest < 300 { return (1, "seconds of training") }
      if longest < 3 * 3600 { return (60, "minutes of training") }
      return longest < 3 * 86400 ? (3600, "hours of training") : (86400, "days of training")
    }
  }

  /// Distinct names of the runs. Runs with the same name are named by their logs' folders.
  public static func names(of runs: [RunLog]) -> [String] {
    let names = runs.map { run in
      let isAlone = runs.count { $0.name == run.name } == 1
      return isAlone ? run.name : run.path.replacing("/log.jsonl", with: "")
    }
    return shortened(names)
  }

  /// Shortens long names in the middle, if they stay distinct.
  static func shortened(_ names: [String]) -> [String] {
    let limit = 32
    let short = names.map { name in
      name.count <= limit ? name : "\(name.prefix(limit / 2 - 1))…\(name.suffix(limit / 2))"
    }
    return zip(names, short).map { name, own in
      zip(names, short).allSatisfy { $1 != own || $0 == name } ? own : name
    }
  }
}
