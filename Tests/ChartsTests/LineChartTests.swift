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

  @Test("What comes out is well-formed XML, whatever the names and numbers")
  func wellFormed() {
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

  @Test("Axes go from end to end, and ticks lie on them")
  func axes() {
    for (values, scale) in [
      ([0.3, 17.0], LineChart.Scale.linear), ([3, 3], .linear), ([0.9, 1.4], .linearFromZero), ([1, 73], .logarithmic),
      ([2e-3, 5e6], .logarithmic), ([5, 5], .logarithmic), ([-4, 9], .linear),
    ] {
      let axis = Axis(values, scale)
      #expect(axis.place(axis.range.lowerBound) == 0 && abs(axis.place(axis.range.upperBound) - 1) < 1e-12)
      #expect(values.allSatisfy { axis.range.contains($0) }, "\(values) \(scale): \(axis.range)")
      #expect((1...24).contains(axis.ticks.count), "\(values) \(scale): \(axis.ticks)")
      #expect(axis.ticks.allSatisfy { (-1e-9...1 + 1e-9).contains(axis.place($0)) })
      #expect(axis.ticks == axis.ticks.sorted() && Set(axis.ticks.map(Axis.label)).count == axis.ticks.count)
    }
    #expect(Axis([1, 100], .logarithmic).place(10) == 0.5)
    #expect(["0.25", "12", "20k", "1.5M"] == [0.25, 12, 20_000, 1_500_000].map(Axis.label))
  }

  @Test("Points lie where the axes say, and the names beside the plot")
  func places() {
    let svg = chart(.linear, .linearFromZero).svg(width: 700, height: 400)
    // Both axes' ends are ticks: 0 and 20 of y, and the line's own x.
    #expect(svg.contains(">20</text>") && svg.contains(">a &lt; b &amp; c</text>"))
    let points = svg.components(separatedBy: "<polyline points=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
    // Each line, and its sample beside its name.
    #expect(points.count == 4)
    let first = points[0].split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
    #expect(first.count == 3)
    #expect(abs((first[1][0] - first[0][0]) / (first[2][0] - first[0][0]) - 1.0 / 7) < 2e-3)
    #expect(abs((first[1][1] - first[0][1]) / (first[2][1] - first[0][1]) - 3.0 / 15) < 2e-3)
    let sample = points[1].split(separator: ",").first.flatMap { Double($0) } ?? 0
    #expect(sample > (first.map { $0[0] }.max() ?? 0))
  }
}
