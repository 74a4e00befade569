import Foundation
import Testing

@testable import Charts

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct LineChartTests {
  private static let lines = [
    LineChart.Line("a < b & c", [(x: 1, y: 1), (x: 2, y: 4), (x: 8, y: 16)]),
    LineChart.Line("second", [(x: 1, y: 2), (x: 8, y: .nan)]),
  ]

  private func chart(_ x: LineChart.Scale, _ y: LineChart.Scale, _ lines: [LineChart.Line] = lines) -> LineChart {
    LineChart("Title", x: "K", x, y: "s", y, lines)
  }

  @Test func `charts are well-formed XML for any names and numbers`() {
    let odd = [LineChart.Line("<&>\"", [(x: 0, y: -1), (x: 1, y: .infinity), (x: 5, y: 0)])]
    for lines in [LineChartTests.lines, odd, [], [LineChart.Line("one", [(x: 3, y: 7)])]] {
      for x in [LineChart.Scale.linear, .linearFromZero, .logarithmic] {
        for y in [LineChart.Scale.linear, .linearFromZero, .logarithmic] {
          let parser = XMLParser(data: Data(chart(x, y, lines).svg().utf8))
          #expect(parser.parse(), "\(lines.map(\.name)) \(x) \(y): \(String(describing: parser.parserError))")
        }
      }
    }
  }

  @Test func `axes contain their range and their ticks`() {
    for (values, scale) in [
      ([0.3, 17.0], LineChart.Scale.linear), ([3, 3], .linear), ([0.9, 1.4], .linearFromZero), ([1, 73], .logarithmic),
      ([2e-3, 5e6], .logarithmic), ([3, 163], .linearFromZeroToLast), ([5, 5], .logarithmic), ([-4, 9], .linear),
    ] {
      let axis = Axis(values, scale)
      #expect(axis.position(axis.range.lowerBound) == 0 && abs(axis.position(axis.range.upperBound) - 1) < 1e-12)
      #expect(values.allSatisfy { axis.range.contains($0) }, "\(values) \(scale): \(axis.range)")
      #expect((1...24).contains(axis.ticks.count), "\(values) \(scale): \(axis.ticks)")
      #expect(axis.ticks.allSatisfy { (-1e-9...1 + 1e-9).contains(axis.position($0)) })
      #expect(axis.ticks == axis.ticks.sorted() && Set(axis.ticks.map { Axis.label($0) }).count == axis.ticks.count)
    }
    #expect(Axis([1, 100], .logarithmic).position(10) == 0.5)
    #expect(["0.25", "12", "20k", "1.5M"] == [0.25, 12, 20_000, 1_500_000].map { Axis.label($0) })
    #expect(["5e-5", "2T", "1.2e18", "0"] == [5e-5, 2e12, 1.2e18, 0].map { Axis.label($0) })
    #expect(Axis([0, 1e-4], .linear).labels == ["0", "2e-5", "4e-5", "6e-5", "8e-5", "1e-4"])
    #expect(Axis([2.30002, 2.30005], .linear).labels == ["2.30002", "2.30003", "2.30004", "2.30005"])
    let narrow: [([Double], LineChart.Scale)] = [
      ([1e6, 1e6 + 4], .linear), ([1.00001e-5, 1.00003e-5], .linear), ([1, 1 + 1e-9], .linear),
      ([-3e17, 3e17], .linear), ([1e-150, 1e150], .logarithmic), ([0, 7e-9], .linearFromZero),
    ]
    for (values, scale) in narrow {
      let labels = Axis(values, scale).labels
      #expect((2...24).contains(labels.count) && Set(labels).count == labels.count, "\(values) \(scale): \(labels)")
    }
  }

  @Test func `numbers of any size are drawn or omitted`() {
    let far: [Double] = [1e17, 1e20, 1e300, 1.7e308, -1.7e308, .leastNonzeroMagnitude, 1.0.nextUp]
    for value in far {
      for scale in [LineChart.Scale.linear, .linearFromZero, .linearFromZeroToLast, .logarithmic] {
        var chart = chart(.linear, scale, [LineChart.Line("run", (0...200).map { (Double($0), $0 == 0 ? value : 1) })])
        for share in [0, 0.05] {
          chart.steepShare = share
          #expect(chart.svg().hasSuffix("</svg>\n") && !chart.svg().contains("nan"))
          #expect(chart.text(columns: 60, rows: 8).count == 12)
        }
      }
    }
    #expect(SVG.short(1e300) == "1000000" && SVG.short(-1e300) == "-1000000")
  }

  @Test func `special characters are escaped also with combining marks`() {
    #expect(SVG.escaped("\u{600}<i>&\"\u{301}") == "\u{600}&lt;i&gt;&amp;&quot;\u{301}")
  }

  @Test func `points are at their positions, and the legend is to the right of the plot`() {
    let svg = chart(.linear, .linearFromZero).svg(width: 700, height: 400)
    // The ends of the axes are ticks: 0 and 20 for y, and the line's first and last x.
    #expect(svg.contains(">20</text>") && svg.contains(">a &lt; b &amp; c</text>"))
    let points = svg.components(separatedBy: "<polyline points=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
    // Each line, and its sample in the legend.
    #expect(points.count == 4)
    let first = points[0].split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
    #expect(first.count == 3)
    #expect(abs((first[1][0] - first[0][0]) / (first[2][0] - first[0][0]) - 1.0 / 7) < 2e-3)
    #expect(abs((first[1][1] - first[0][1]) / (first[2][1] - first[0][1]) - 3.0 / 15) < 2e-3)
    let sample = points[1].split(separator: ",").first.flatMap { Double($0) } ?? 0
    #expect(sample > (first.map { $0[0] }.max() ?? 0))
  }

  @Test func `a thinned curve keeps its extremes, its ends and its pixels`() {
    var places: [(x: Double, y: Double)] = (0..<300_000).map { (x: Double($0) / 600, y: Double($0 * 7919 % 1000)) }
    places[31_234].y = 5000
    places[12_345].y = -5000
    let thin = places.thinned()
    #expect(thin.count <= 4 * 1001 && thin.map(\.x) == thin.map(\.x).sorted())
    #expect(thin.map(\.y).max() == 5000 && thin.map(\.y).min() == -5000)
    #expect(thin.first?.x == places.first?.x && thin.last?.x == places.last?.x)
    let bounded = places.bounded()
    #expect(bounded.count < places.count / 2 && bounded.map(\.y).max() == 5000 && bounded.map(\.y).min() == -5000)
    #expect(Array(places[..<2000]).bounded().map(\.x) == places[..<2000].map(\.x))
    #expect(Array(places[..<1]).thinned().count == 1 && Array(places[..<0]).thinned().isEmpty)
  }

  @Test func `unsmoothed values are drawn behind, and a steep beginning does not set the axis`() {
    let noisy: [(x: Double, y: Double)] = (0...100).map { step in
      let loss: Double = step == 0 ? 1000 : Double(2 + step % 2)
      return (x: Double(step), y: loss)
    }
    var chart = self.chart(.linear, .linear, [LineChart.Line("run", noisy, behind: noisy, isMarked: false)])
    #expect(chart.axes(of: chart.shownLines).y.range.upperBound >= 1000)
    chart.steepShare = 0.05
    #expect(chart.axes(of: chart.shownLines).y.range.upperBound < 5)
    let svg = chart.svg()
    #expect(svg.contains("stroke-opacity") && !svg.contains("<circle"))
  }

  @Test func `a text chart has the requested size and shows the line`() throws {
    let line = LineChart.Line("run", (0...100).map { (x: Double($0), y: Double($0)) })
    for columns in [40, 80, 200] {
      let text = chart(.linear, .linear, [line]).text(columns: columns, rows: 10)
      #expect(text.count == 14 && text.allSatisfy { $0.count <= columns })
      let marks = text[1...10].map { row in row.unicodeScalars.map { (0x2801...0x28ff).contains($0.value) } }
      let firsts = marks.compactMap { $0.firstIndex(of: true) }
      #expect(firsts.count == 10 && firsts == firsts.sorted(by: >))
      #expect(text[11].contains("┬") && text[12].contains("100") && text[13].contains("K"))
    }
    let colours = chart(.linear, .linear, [line]).text(columns: 40, rows: 4, isColoured: true)
    #expect(
      colours.contains { $0.contains("\u{1B}[94m") } && chart(.linear, .linear, []).text(columns: 40, rows: 4).isEmpty)
  }
}
