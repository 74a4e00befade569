import ArgumentParser
import Reports

extension RunAxis: ExpressibleByArgument {}

/// Options for plots of runs, as text or as a picture.
struct PlotOptions: ParsableArguments {
  @Option(name: .customLong("x"), help: ArgumentHelp("The quantity on the horizontal axis.", valueName: "axis"))
  var axis = RunAxis.steps

  @Flag(name: .customLong("log-x"), help: "Use a logarithmic horizontal axis.")
  var isLogarithmicX = false

  @Flag(name: .customLong("log-y"), help: "Use a logarithmic vertical axis.")
  var isLogarithmicY = false

  @Option(
    name: .customLong("smooth"),
    help: ArgumentHelp(
      "Records per moving average; 1 for no smoothing; default: a fiftieth of the run's records.", valueName: "n"))
  var smoothing: Int?

  func validate() throws {
    if let smoothing, smoothing < 1 { throw ValidationError("--smooth \(smoothing): expected 1 or more") }
  }

  /// - Throws: `ValidationError` if a run's log does not record the quantity on the horizontal axis.
  func plot(_ runs: [RunLog]) throws -> RunPlot {
    var plot = RunPlot(runs)
    (plot.axis, plot.smoothing) = (axis, smoothing)
    (plot.isLogarithmicX, plot.isLogarithmicY) = (isLogarithmicX, isLogarithmicY)
    if let run = plot.runsWithoutAxis.first {
      throw ValidationError("--x \(axis.rawValue): \(run.path) does not record it; use --x steps")
    }
    return plot
  }
}
