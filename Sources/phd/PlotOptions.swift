import ArgumentParser
import Reports

extension RunAxis: ExpressibleByArgument {}

/// How runs are drawn, in characters or as a picture.
struct PlotOptions: ParsableArguments {
  @Option(name: .customLong("x"), help: ArgumentHelp("What the axis across counts.", valueName: "axis"))
  var axis = RunAxis.steps

  @Flag(name: .customLong("log-x"), help: "A logarithmic axis across.")
  var isLogarithmicX = false

  @Flag(name: .customLong("log-y"), help: "A logarithmic axis upwards.")
  var isLogarithmicY = false

  @Option(
    name: .customLong("smooth"),
    help: ArgumentHelp(
      "Average over so many records; 1 for none; without the option a fiftieth of a run's.", valueName: "n"))
  var smoothing: Int?

  func validate() throws {
    if let smoothing, smoothing < 1 { throw ValidationError("--smooth \(smoothing): expected 1 or more") }
  }

  /// - Throws: `ValidationError` where the log of one of the runs does not say where on the axis it was.
  func plot(_ runs: [RunLog]) throws -> RunPlot {
    var plot = RunPlot(runs)
    (plot.axis, plot.smoothing) = (axis, smoothing)
    (plot.isLogarithmicX, plot.isLogarithmicY) = (isLogarithmicX, isLogarithmicY)
    if let run = plot.runsWithoutAxis.first {
      throw ValidationError("--x \(axis.rawValue): \(run.path) does not say it of its steps; take --x steps")
    }
    return plot
  }
}
