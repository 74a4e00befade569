import Foundation
import Testing

@testable import Tokenizers

/// The hand-written matchers, compared with Oniguruma.
@Suite struct WordPatternTests {
  private func words(_ text: String, _ pattern: SplitPattern) throws -> [Range<Int>] {
    try Array(text.utf8).withUnsafeBufferPointer { bytes in
      var (parts, pieces): ([Splitting.Part], [Range<Int>]) = ([], [])
      try Splitting(pattern: pattern, behavior: .isolated).pieces(of: bytes, &parts, into: &pieces)
      return pieces
    }
  }

  @Test(arguments: WordPattern.allCases) func `the hand-written matchers find the same words as Oniguruma`(
    pattern: WordPattern
  ) throws {
    let expression = SplitPattern.regularExpression(try OnigPattern(pattern.regularExpression, path: "test"))
    for text in HostileText.texts(5000, seed: 17) {
      #expect(try words(text, .words(pattern)) == words(text, expression), "\(text.debugDescription)")
    }
    // Each code point: alone, among letters, digits, spaces.
    for start in stride(from: 0, to: HostileText.codePoints.count, by: 0x100) {
      let block = HostileText.codePoints[start...].prefix(0x100)
      let text = block.map { "\($0) \($0)a\($0)\($0)1 '\($0)  \($0)\n" }.joined()
      #expect(try words(text, .words(pattern)) == words(text, expression), "from \(start)")
    }
  }
}
