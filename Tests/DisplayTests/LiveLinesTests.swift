import TestSupport
import Testing

@testable import Display

@Suite struct LiveLinesTests {
  private static let fields = ["step 5/20", "━━━━────", "loss 3.1250", "norm 0.412", "12.3k tokens/s"]

  private func fields(_ count: Int, _ paint: Paint = Paint(isOn: false)) -> [LiveLines.Field] {
    Self.fields.prefix(count).map { LiveLines.Field(paint($0, colour: 32), plain: $0) }
  }

  @Test(arguments: [20, 30, 45, 80, 200]) func `each state replaces the previous one, at any width`(width: Int) {
    var screen = Screen(width: width)
    var live = LiveLines()
    screen.write("before\n")
    for count in [5, 1, 4, 2, 5, 3] { screen.write(live.show(fields(count, Paint(isOn: true)), width: width)) }
    #expect(screen.lines.first == "before")
    #expect(screen.lines.dropFirst().joined(separator: "  ") == Self.fields.prefix(3).joined(separator: "  "))
    #expect(!screen.hasBrokenLine)

    // A permanent line is printed above the live lines.
    screen.write(live.takeAway() + "said\n" + live.show(fields(5), width: width))
    #expect(screen.lines.prefix(2) == ["before", "said"])
    screen.write(live.leave() + "after\n")
    #expect(screen.lines.suffix(2) == ["after", ""])
    #expect(screen.lines.joined().contains("step 5/20"))
    #expect(live.takeAway() == "" && live.leave() == "")
  }

  @Test func `fields are not broken`() {
    #expect(LiveLines.rows(fields(3), width: 22) == ["step 5/20  ━━━━────", "loss 3.1250"])
    #expect(LiveLines.rows(fields(3), width: 10) == ["step 5/20", "━━━━────"])
    // There are at most four rows.
    #expect(LiveLines.rows((0..<9).map { _ in LiveLines.Field("12345") }, width: 6).count == 4)
  }

  @Test func `a bar has its width and fills up`() {
    func bar(_ fraction: Double) -> String {
      LiveLines.Field.bar(fraction, width: 4, Paint(isOn: false), colour: 1).text
    }
    #expect(
      [0, 0.12, 0.13, 0.5, 0.99, 1, 7, -1, .nan].map(bar) == [
        "────", "────", "╸───", "━━──", "━━━╸", "━━━━", "━━━━", "────", "────",
      ])
  }

  @Test func `a sparkline shows the whole series`() {
    var line = Sparkline()
    #expect(line.text(width: 8) == "")
    for value in [7.0, 6, 5, 4, 3, 2, 1, .nan, 0, .infinity] { line.append(value) }
    #expect(line.text(width: 8) == "█▇▆▅▄▃▂▁")
    #expect(line.text(width: 4) == "█▆▃▁")
    #expect(line.text(width: 80).count == 8)
    for step in 0..<100_000 { line.append(-Double(step)) }
    #expect(line.text(width: 8) == "█▇▆▅▄▃▂▁")
    var flat = Sparkline()
    for _ in 0..<3 { flat.append(2) }
    #expect(flat.text(width: 5) == "▁▁▁")
  }

  @Test func `progress shows the rate and the remaining time`() {
    func row(_ done: Int, _ total: Int, _ unit: ProgressLine.Unit, seconds: Double) -> String? {
      let fields = ProgressLine.fields(done: done, of: total, unit, seconds: seconds, Paint(isOn: false))
      return LiveLines.rows(fields, width: 100).first
    }
    #expect(
      row(25_000_000, 100_000_000, .megabytes, seconds: 10)
        == "━━━━━───────────────  25 %  0:30 left  25.0 MB  2.5 MB/s")
    #expect(row(8, 16, .samples, seconds: 4) == "━━━━━━━━━━──────────  50 %  0:04 left  8 samples  2.0 samples/s")
    #expect(row(300, 300, .samples, seconds: 2) == "━━━━━━━━━━━━━━━━━━━━  100 %  0:00 left  300 samples  150 samples/s")
    // The total is unknown, or nothing is done yet.
    #expect(row(5_000_000, 0, .megabytes, seconds: 2) == "5.0 MB  2.5 MB/s")
    #expect(row(0, 9, .items, seconds: 2) == "────────────────────  0 %  0 items  0.0 items/s")
  }
}
