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
    var log = TestLog.run(1...steps)
    for step in stride(from: 50, through: steps, by: 50) {
      log.add(["event": "validation", "step": .integer(step), "set": "books <1915>", "loss": .number(3 / Double(step))])
    }
    // A prepended scalar forms one character with the next scalar.
    log.add(["event": "warning", "step": 3, "message": "\u{600}<b>hot</b>"])
    log.add(["event": "validation", "step": 3, "set": "\u{600}</script>", "loss": 3])
    return try RunLog(path: try log.write(to: folder, "run", configuration: ["name": .string(name), "seed": 7]))
  }

  @Test(arguments: RunAxis.allCases) func `every chart over every axis is well-formed`(axis: RunAxis) throws {
    var plot = RunPlot([try run(), try run(120, name: "second")])
    plot.axis = axis
    #expect(
      plot.measures == [
        .loss, .validation, .step(.learningRate), .step(.gradientNorm), .step(.zLoss), .step(.tokensPerSecond),
      ])
    for isLogarithmic in [false, true] {
      (plot.isLogarithmicX, plot.isLogarithmicY) = (isLogarithmic, isLogarithmic)
      let page = ChartPage(plot.measures.map { plot.chart($0) }, columns: 2).svg()
      let parser = XMLParser(data: Data(page.utf8))
      #expect(parser.parse(), "\(String(describing: parser.parserError))")
      #expect(page.contains("a &lt;/script&gt; &amp; b") && page.contains("second, books &lt;1915&gt;"))
    }
    #expect(plot.chart(.loss).lines.map(\.points.count) == [200, 120])
  }

  @Test func `a report is self-contained and has the run's data`() throws {
    let run = try run()
    let page = RunPage([run]).html
    for word in ["http:", "https:", "src=", "href=", "@import", "url("] {
      #expect(!page.replacing("http://www.w3.org/2000/svg", with: "").contains(word), "\(word)")
    }
    #expect(page.contains("&lt;b&gt;hot&lt;/b&gt;"))
    let bytes = Array(page.utf8)
    func count(_ text: String) -> Int { bytes.indices.count { bytes[$0...].starts(with: text.utf8) } }
    #expect(count("<b>") == 0 && count("</script>") == 2)
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
    #expect(shown["series"]?["validation"]?.array?.last?["axes"]?["tokens"]?.array?.first == .integer(50 * 4096))
  }

  @Test func `shortened names stay distinct`() {
    let long = ["a", "b"].map { "data/experiments/2024/run-\($0)/checkpoints/phd-cswa" }
    #expect(RunPlot.shortened(long) == long)
    #expect(
      RunPlot.shortened([long[0], "short", long[0]]) == [
        "data/experiment…kpoints/phd-cswa", "short", "data/experiment…kpoints/phd-cswa",
      ])
  }

  @Test func `a log of validations only has positions in steps only`() throws {
    let folder = try TemporaryFolder()
    var log = TestLog()
    log.add(["event": "validation", "step": 3, "set": "books", "loss": 3])
    var plot = RunPlot([try RunLog(path: try log.write(to: folder, "run"))])
    #expect(plot.runsWithoutAxis.isEmpty && plot.chart(.validation).lines.count == 1)
    for axis in [RunAxis.tokens, .flops, .time] {
      plot.axis = axis
      #expect(plot.runsWithoutAxis.count == 1)
    }
    // A run without steps does not prevent the others from being plotted.
    #expect(RunPlot([try RunLog(path: try TestLog().write(to: folder, "new"))]).runsWithoutAxis.isEmpty)
  }

  @Test func `the pieces of a long run keep its extremes`() throws {
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
