#if canImport(Glibc)
  import Glibc
#endif

/// One axis of a chart: maps numbers to positions, and places ticks.
struct Axis {
  let scale: LineChart.Scale
  /// The numbers at its two ends.
  let range: ClosedRange<Double>

  /// - Parameter values: the plotted numbers; finite, and positive for a logarithmic axis.
  init(_ values: [Double], _ scale: LineChart.Scale) {
    self.scale = scale
    let (low, high) = (values.min() ?? 1, values.max() ?? 1)
    switch scale {
    case .linearFromZero:
      // Up to a multiple of the step, so the highest point has a grid line above it.
      let step = Axis.step(high > 0 ? high : 1)
      range = 0...max(step, (high / step).rounded(.up) * step)
    case .linearFromZeroToLast:
      range = 0...(high > 0 ? high : 1)
    case .linear:
      // A span near the rounding error has no distinct ticks.
      let span = max(high - low, 1e-9 * max(abs(low), abs(high)))
      let step = Axis.step(high > low ? span : max(abs(high), 1))
      let first = (low / step + Axis.tolerance).rounded(.down)
      range = first * step...max((high / step - Axis.tolerance).rounded(.up), first + 1) * step
    case .logarithmic:
      let room = high > low ? 1.06 : 2
      range = low / room...high * room
    }
  }

  /// A number's position: 0 at the axis's start, 1 at its end.
  func position(_ value: Double) -> Double {
    if scale == .logarithmic {
      return log(value / range.lowerBound) / log(range.upperBound / range.lowerBound)
    }
    return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }

  /// Round numbers along the axis.
  var ticks: [Double] {
    let (low, high) = (range.lowerBound, range.upperBound)
    if scale == .logarithmic {
      let multiples: [Double] = high / low > 1e4 ? [1] : [1, 2, 5]
      let exponents = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
      let every = (exponents.count + 19) / 20
      let ticks = exponents.filter { $0 % every == 0 }
        .flatMap { exponent in multiples.map { $0 * pow(10, Double(exponent)) } }
        .filter { $0 >= low && $0 <= high }
      if ticks.count > 2 { return ticks }
    }
    let step = Axis.step(high - low)
    let first = Int((low / step - Axis.tolerance).rounded(.up))
    return (first...max(first, Int((high / step + Axis.tolerance).rounded(.down)))).map { Double($0) * step }
  }

  /// In steps: how far rounding may move a number from a multiple of the step.
  private static let tolerance = 1e-5

  /// 1, 2 or 5 times a power of ten, chosen so that the span has four to ten steps.
  private static func step(_ span: Double) -> Double {
    let rough = span / 5
    let power = pow(10, log10(rough).rounded(.down))
    return ([1, 2, 5].first { $0 * power >= rough } ?? 10) * power
  }

  /// The ticks' labels.
  var labels: [String] {
    let ticks = ticks
    if scale == .logarithmic { return ticks.map { Axis.label($0) } }
    let step = Axis.step(range.upperBound - range.lowerBound)
    // Small numbers would have many zeros.
    let isSmall = step < 0.99e-4 && (ticks.map(abs).max() ?? 0) < 0.99e-3
    return ticks.map { isSmall ? Axis.scientific($0, step: step) : Axis.label($0, step: step) }
  }

  /// The shortest label that differs from the neighbours' labels.
  ///
  /// - Parameter step: the distance to the neighbours.
  static func label(_ value: Double, step: Double = .infinity) -> String {
    if abs(value) >= 1e15 || value != 0 && abs(value) < 0.99e-4 { return scientific(value, step: step) }
    for (bound, divisor, suffix) in [(1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")]
    where abs(value) >= bound {
      return label(value / divisor, step: step / divisor) + suffix
    }
    return digits(rounded(value, places: 4, step: step))
  }

  /// Scientific notation: 2.5e-7.
  private static func scientific(_ value: Double, step: Double) -> String {
    guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
    var exponent = Int(log10(abs(value)).rounded(.down))
    let power = pow(10, Double(exponent))
    var mantissa = rounded(value / power, places: 2, step: step / power)
    if abs(mantissa) >= 10 {
      mantissa /= 10
      exponent += 1
    }
    return "\(digits(mantissa))e\(exponent)"
  }

  /// A number rounded to `places` decimals, or to more if the step is smaller.
  private static func rounded(_ value: Double, places: Double, step: Double) -> Double {
    let power = pow(10, max(places, (-log10(step) - 1e-9).rounded(.up)))
    return (value * power).rounded() / power
  }

  private static func digits(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
}
