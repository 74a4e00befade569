import Foundation
import JSON
import TestSupport
import Testing

@testable import Charts
@testable import Reports

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct PictureTests {
  private func run(_ steps: Int = 200, name: String = "a </script> & b") throws -> RunLog {
    let folder = try TemporaryFolder()
    var log = MadeLog.run(1...steps)
    for step in stride(from: 50, through: steps, by: 50) {
      log.add(["event": "validation", "step": .integer(step), "set": "books <1915>", "loss": .number(3 / Double(step))])
    }
    log.add(["event": "warning", "step": 3, "message": "<b>hot</b>"])
    log.add(["event": "sample", "step": 3, "prompt": "In the", "text": " beginning <i>"])
    return try RunLog(path: try log.write(to: folder, "run", configuration: ["name": .string(name), "seed": 7]))
  }

  @Test("Every chart of every axis is well-formed, with its names and its curve", arguments: RunAxis.allCases)
  func charts(axis: RunAxis) throws {
    var plot = RunPlot([try run(), try run(120, name: "second")])
    plot.axis = axis
    #expect(plot.measures == [.loss, .validation, .learningRate, .gradientNorm, .zLoss, .tokensPerSecond])
    for isLogarithmic in [false, true] {
      (plot.isLogarithmicX, plot.isLogarithmicY) = (isLogarithmic, isLogarithmic)
      let page = ChartPage(plot.measures.map { plot.chart($0) }, columns: 2).svg()
      let parser = XMLParser(data: Data(page.utf8))
      #expect(parser.parse(), "\(String(describing: parser.parserError))")
      #expect(page.contains("a &lt;/script&gt; &amp; b") && page.contains("second, books &lt;1915&gt;"))
    }
    #expect(plot.chart(.loss).lines.map(\.points.count) == [200, 120])
  }

  @Test("A report needs no network, and its data are the run's")
  func report() throws {
    let run = try run()
    let page = RunPage([run]).html
    for word in ["http:", "https:", "src=", "href=", "@import", "url("] {
      #expect(!page.replacing("http://www.w3.org/2000/svg", with: "").contains(word), "\(word)")
    }
    #expect(page.contains("&lt;b&gt;hot&lt;/b&gt;") && page.contains("In the beginning &lt;i&gt;"))
    #expect(page.components(separatedBy: "</script>").count == 3)
    let start = try #require(page.range(of: "application/json\">"))
    let end = try #require(page.range(of: "</script>", range: start.upperBound..<page.endIndex))
    let data = try JSONValue(parsing: String(page[start.upperBound..<end.lowerBound]))
    let shown = try #require(data["runs"]?.array?.first)
    #expect(shown["name"] == "a </script> & b")
    let losses = try #require(shown["measures"]?["loss"]?["mean"]?.array)
    #expect(losses.count == 200)
    let same = zip(losses, run.steps).allSatisfy { Float($0.number ?? 0) == Float($1[.loss]) }
    #expect(same)
    #expect(shown["axes"]?["steps"]?.array?.map(\.integer) == run.steps.map(\.step))
    #expect(shown["series"]?["validation"]?.array?.first?["axes"]?["tokens"]?.array?.first == .integer(50 * 4096))
  }

  @Test("A long run is given in pieces that hold its extremes")
  func pieces() throws {
    let run = try run(6000)
    let data = RunPageData(runs: [run]).json
    let shown = try #require(data["runs"]?.array?.first)
    let norm = try #require(shown["measures"]?["gradient-norm"])
    let (low, high) = (norm["low"]?.array ?? [], norm["high"]?.array ?? [])
    #expect((1500...2600).contains(low.count) && low.count == shown["axes"]?["steps"]?.array?.count)
    let norms = run.steps.map { Float($0[.gradientNorm]) }
    #expect(low.compactMap(\.number).map { Float($0) }.min() == norms.min())
    #expect(high.compactMap(\.number).map { Float($0) }.max() == norms.max())
  }
}
