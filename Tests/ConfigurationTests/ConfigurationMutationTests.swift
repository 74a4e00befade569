import TestSupport
import Testing

@testable import Configuration

/// Random changes of valid configurations: each is either read or refused with a message.
@Suite struct ConfigurationMutationTests {
  private static let values = [
    "0", "-1", "1", "2", "3", "2147483647", "2147483648", "9223372036854775807", "-9223372036854775808", "1e308",
    "-1e308", "1e-308", "1e400", "0.5", "true", "null", "\"\"", "\"wsd\"", "\"cswa\"", "\"vanilla\"", "\"x\"", "[]",
    "[[]]", "{}", "{\"a\":1}", "\"\\u0000\"", "NaN", "16777216", "4096", "65536",
  ]

  @Test func `random values are read or refused with a message`() throws {
    var random = SplitMix(state: 7)
    var accepted = 0
    let base = try RunConfiguration(
      text: Example.full, file: "x.json", overrides: ["schedule.kind=wsd"]
    ).resolved
    let paths = (base.object?.fields ?? []).flatMap { field in
      [field.name] + (field.value.object?.fields ?? []).map { "\(field.name).\($0.name)" }
    }
    for _ in 0..<3000 {
      var overrides: [String] = []
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let path = try #require(paths.randomElement(using: &random))
        let value = try #require(Self.values.randomElement(using: &random))
        overrides.append("\(path)=\(value)")
      }
      accepted += check(base.compact, overrides) ? 1 : 0
    }
    #expect(accepted > 100)
  }

  @Test func `random changes of the text are read or refused with a message`() {
    var random = SplitMix(state: 11)
    let original = Array(Example.full.unicodeScalars)
    let characters = Array("{}[]\",:0123456789.-+eE \n\\utfnabcx\u{e9}\u{0}".unicodeScalars)
    for _ in 0..<2000 {
      var text = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<text.count, using: &random)
        let character = characters[Int.random(in: 0..<characters.count, using: &random)]
        switch Int.random(in: 0..<5, using: &random) {
        case 0: text.remove(at: place)
        case 1: text.insert(character, at: place)
        case 2: text[place] = character
        case 3: text.removeSubrange(place..<min(text.count, place + Int.random(in: 0..<40, using: &random)))
        default: text.insert(contentsOf: text[place..<min(text.count, place + 30)], at: place)
        }
        if text.isEmpty { text = original }
      }
      var string = String.UnicodeScalarView()
      string.append(contentsOf: text)
      _ = check(String(string), [])
    }
  }

  /// Whether the text is accepted. Checks the accepted configuration or the message.
  private func check(_ text: String, _ overrides: [String]) -> Bool {
    do throws(ConfigurationError) {
      let configuration = try RunConfiguration(text: text, file: "x.json", overrides: overrides)
      let again = try RunConfiguration(json: configuration.resolved, file: "y")
      #expect(again == configuration)
      let last = configuration.learningRateSchedule.rate(step: configuration.training.steps)
      #expect(last.isFinite && last >= 0)
      return true
    } catch {
      #expect(!error.message.isEmpty && error.message.split(separator: "\n").count <= 2)
      return false
    }
  }
}
