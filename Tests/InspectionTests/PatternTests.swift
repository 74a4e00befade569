import Display
import Foundation
import JSON
import TestSupport
import Testing
import Transformer

@testable import Inspection

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct PatternTests {
  private static let grids = [
    PatternGrid(.vanilla, positions: 5),
    PatternGrid(HiddenDecoding(pattern: .phd, repeats: 2), positions: 3, order: .copies),
    PatternGrid(HiddenDecoding(pattern: .cswa, repeats: 9, window: 3, chunk: 4), positions: 6),
    PatternGrid(HiddenDecoding(pattern: .naive, repeats: 40), positions: 2),
  ]

  @Test func `a small pattern is drawn as text`() {
    let grid = PatternGrid(HiddenDecoding(pattern: .cswa, repeats: 2, window: 2, chunk: 2), positions: 3)
    let lines = PatternText([grid], Paint(isOn: false)).text(width: 80).split(separator: "\n")
    #expect(
      lines.prefix(9) == [
        "PHD-CSWA-2-2-2", "W = 2 back, within chunks of C = 2",
        "     ●  ●  ●○",
        " 0   1· ·· ··",
        "     12 ·· ··",
        " 1   1· 1· ··",
        "     12 12 ··",
        " 2   1· 1· 1·",
        "     1· 1· 12",
      ])
  }

  @Test func `panels are side by side as far as the width allows`() {
    let grids = (2...4).map { PatternGrid(HiddenDecoding(pattern: .phd, repeats: $0), positions: 4) }
    func lines(_ width: Int, _ paint: Paint = Paint(isOn: false)) -> [String] {
      PatternText(grids, paint).text(width: width).components(separatedBy: "\n")
    }
    for width in [20, 40, 60, 80, 200] {
      let text = lines(width)
      #expect(text.dropLast(2).allSatisfy { $0.count <= max(width, 33) }, "\(width)")
      #expect(text.joined().components(separatedBy: "PHD-").count == 4, "\(width)")
    }
    #expect(lines(200).count { $0.contains("PHD-") } == 1)
    #expect(lines(40).count { $0.contains("PHD-") } == 3)
    // Without the colour codes, the text is the same.
    let plain = lines(80, Paint(isOn: true)).map {
      $0.replacing(/\u{1B}\[[0-9;]*m/, with: "").replacing("▌", with: " ")
    }
    #expect(plain == lines(80))
    #expect(lines(80, Paint(isOn: true)) != lines(80))
  }

  @Test func `the SVG is well-formed and has a cell for each visible key`() throws {
    for grids in [PatternTests.grids, [PatternTests.grids[0]]] {
      let svg = PatternPicture(grids).svg
      let parser = XMLParser(data: Data(svg.utf8))
      let counter = CellCounter()
      parser.delegate = counter
      #expect(parser.parse(), "\(String(describing: parser.parserError))")
      let pairs = grids.reduce(0) { $0 + $1.sees.joined().count { $0 } }
      // In addition to the cells: one mark per row, and one per copy in the legend.
      let rows = grids.reduce(0) { $0 + $1.tokens.count }
      let copies = min(CopyColours.distinct, grids.map(\.decoding.repeats).max() ?? 0)
      #expect(counter.cells == pairs + rows + copies)
      #expect(counter.isInside, "something is drawn outside of the page")
    }
  }

  @Test func `colours of copies differ`() {
    for repeats in [1, 2, 7, 8, 12, 40] {
      #expect(Set((0..<repeats).map { CopyColours.hexadecimal($0, of: repeats) }).count == repeats)
    }
  }

  @Test func `the command draws, prints, and reports errors`() throws {
    let folder = try TemporaryFolder()
    let arguments = ["inspect", "patterns", "--pattern", "swa", "--positions", "4", "-o", "swa.svg", "--json"]
    let outcome = try launch("phd", arguments, directory: folder.path)
    #expect(outcome.status == 0)
    let grids = try #require(try JSONValue(parsing: outcome.output).array)
    #expect(grids.count == 1 && grids[0]["name"] == "PHD-SWA-2-3" && grids[0]["chunk"] == .null)
    let sees = try #require(grids[0]["sees"]?.array).map { $0.array?.compactMap(\.integer) ?? [] }
    #expect(sees.count == 8 && sees[7] == [1, 0, 1, 1, 1, 1, 1, 1])
    #expect(try String(contentsOfFile: folder.path + "/swa.svg", encoding: .utf8).hasPrefix("<svg"))

    let text = try launch("phd", ["inspect", "patterns"], directory: folder.path)
    for name in ["Vanilla", "Naive-2", "PHD-2", "PHD-SWA-2-3", "PHD-CSWA-2-3-4"] { #expect(text.output.contains(name)) }
    #expect(!text.output.contains("\u{1B}"))
    for (wrong, named) in [
      (["--repeats", "1"], "repeats"), (["--pattern", "swa", "--window", "1"], "window"), (["--positions", "0"], "0"),
      (["--positions", "1000"], "512"), (["--pattern", "cswa", "--chunk", "0"], "chunk"),
      (["--positions", "9223372036854775807"], "512"),
    ] {
      let outcome = try launch("phd", ["inspect", "patterns"] + wrong, directory: folder.path)
      #expect(outcome.status == 64 && outcome.error.contains(named) && outcome.output.isEmpty, "\(wrong)")
    }
  }
}

/// Counts the coloured rectangles of an SVG, and checks that all are on its page.
private final class CellCounter: NSObject, XMLParserDelegate {
  var cells = 0
  var isInside = true
  private var page = (width: 0.0, height: 0.0)
  private var origin = (x: 0.0, y: 0.0)

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    func number(_ name: String) -> Double { Double(attributes[name] ?? "") ?? 0 }
    if name == "svg" { page = (number("width"), number("height")) }
    if let move = attributes["transform"]?.firstMatch(of: /translate\(([0-9.]+) ([0-9.]+)\)/) {
      origin = (Double(move.1) ?? 0, Double(move.2) ?? 0)
    }
    for cell in (attributes["d"] ?? "").matches(of: /M([0-9.]+) ([0-9.]+)h([0-9.]+)/) {
      cells += 1
      let (x, y, size) = (Double(cell.1) ?? -1, Double(cell.2) ?? -1, Double(cell.3) ?? -1)
      if size <= 0 || origin.x + x + size > page.width || origin.y + y + size > page.height { isInside = false }
    }
    guard name == "rect", attributes["class"] != "page" else { return }
    if attributes["fill"] != nil { cells += 1 }
    let (right, bottom) = (origin.x + number("x") + number("width"), origin.y + number("y") + number("height"))
    if origin.x + number("x") < 0 || origin.y + number("y") < 0 || right > page.width || bottom > page.height {
      isInside = false
    }
  }
}
