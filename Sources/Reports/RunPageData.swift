import JSON

/// The data of the report's charts as JSON.
///
/// A run of more than ``maximumPoints`` records is divided into pieces, each with its mean, minimum and maximum. This is
/// as much as a screen can show, and the page opens quickly for any length of run. The first pieces are short, for
/// logarithmic axes.
struct RunPageData {
  static let maximumPoints = 2000
  /// The length of the run divided by the length of the longest pieces.
  private static let longPieces = 1500

  let runs: [RunLog]

  var json: JSONValue {
    let plot = RunPlot(runs)
    return [
      "smoothing": .integer(Smoothing.percent),
      "measures": .array(
        plot.measures.map { measure in
          [
            "id": .string(measure.rawValue), "title": .string(measure.title),
            "unit": .string(measure == .step(.learningRate) ? "" : measure.axisTitle),
            "noisy": .bool(measure.isNoisy),
          ]
        }),
      "runs": .array(
        zip(runs, RunPlot.names(of: runs)).map { run, name in
          [
            "name": .string(name), "axes": axes(of: run), "measures": measures(of: run, plot.measures),
            "series": series(of: run, plot.measures),
          ]
        }),
    ]
  }

  private func axes(of run: RunLog) -> JSONValue {
    let pieces = RunPageData.pieces(run.steps.count)
    return object(RunAxis.allCases.map(\.rawValue)) { name in
      guard let positions = RunAxis(rawValue: name).flatMap({ run.positions($0) }) else { return .null }
      // A piece has the position of its middle record.
      return .array(pieces.map { RunPageData.number(positions[($0.lowerBound + $0.upperBound - 1) / 2]) })
    }
  }

  private func measures(of run: RunLog, _ measures: [RunMeasure]) -> JSONValue {
    let pieces = RunPageData.pieces(run.steps.count)
    let own = measures.filter { $0.field != nil && run.has($0) }
    return object(own.map(\.rawValue)) { name in
      guard let field = RunMeasure(rawValue: name)?.field else { return .null }
      var (mean, low, high): ([JSONValue], [JSONValue], [JSONValue]) = ([], [], [])
      for piece in pieces {
        let values = run.steps[piece].lazy.map { $0[field] }.filter(\.isFinite)
        let count = values.reduce(0) { count, _ in count + 1 }
        mean.append(count == 0 ? .null : RunPageData.number(values.reduce(0, +) / Double(count)))
        low.append(values.min().map(RunPageData.number) ?? .null)
        high.append(values.max().map(RunPageData.number) ?? .null)
      }
      return ["mean": .array(mean), "low": .array(low), "high": .array(high)]
    }
  }

  private func series(of run: RunLog, _ measures: [RunMeasure]) -> JSONValue {
    object(measures.filter { $0.field == nil }.map(\.rawValue)) { name in
      let all = RunMeasure(rawValue: name).map { run.series($0) } ?? []
      return .array(
        all.map { series in
          [
            "name": .string(series.name), "values": .array(series.values.map(RunPageData.number)),
            "axes": object(RunAxis.allCases.map(\.rawValue)) { name in
              let positions = RunAxis(rawValue: name).flatMap { run.positions(of: series.steps, $0) }
              return positions.map { .array($0.map(RunPageData.number)) } ?? .null
            },
          ]
        })
    }
  }

  private func object(_ names: [String], _ value: (String) -> JSONValue) -> JSONValue {
    .object(JSONValue.Object(distinct: names.map { JSONValue.Field(name: $0, value: value($0)) }))
  }

  /// Ranges of `count` records: one record each if they are few, else pieces that grow over the run's first part.
  private static func pieces(_ count: Int) -> [Range<Int>] {
    if count <= maximumPoints { return (0..<count).map { $0..<$0 + 1 } }
    let longest = (count + longPieces - 1) / longPieces
    var pieces: [Range<Int>] = []
    var start = 0
    while start < count {
      pieces.append(start..<min(count, start + max(1, min(longest, start / 100))))
      start = pieces[pieces.count - 1].upperBound
    }
    return pieces
  }

  /// Single precision, which exceeds a screen's resolution; integers are exact. Values that are not finite become null.
  private static func number(_ value: Double) -> JSONValue {
    guard value.isFinite else { return .null }
    if let integer = Int(exactly: value), abs(integer) < 1 << 53 { return .integer(integer) }
    return .number(Double("\(Float(value))").flatMap { $0.isFinite ? $0 : nil } ?? value)
  }
}
