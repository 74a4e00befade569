import Foundation
import Testing

/// Each message that docs/troubleshooting.md quotes is one that the programs still have.
@Suite struct TroubleshootingTests {
  /// The messages' constant parts, between what differs each time.
  private static let messages: [[String]] = {
    let text = (try? ProjectFiles.text("docs/troubleshooting.md")) ?? ""
    return text.replacing("\n", with: " ").matches(of: /\*\*`([^`]+)`\*\*/).map { match in
      match.1.split(separator: "…").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " ,;:")) }
        .filter { !$0.isEmpty }
    }
  }()

  @Test func `messages are quoted at length`() {
    #expect(TroubleshootingTests.messages.count > 25)
    for parts in TroubleshootingTests.messages {
      #expect(parts.contains { $0.count >= 10 }, "\(parts) could be anything")
    }
  }

  @Test func `the sources have them`() throws {
    let sources = try ProjectFiles.all(".swift", below: ["Sources"]).map { try TroubleshootingTests.literals($0) }
    for parts in TroubleshootingTests.messages {
      #expect(
        sources.contains { source in parts.allSatisfy { source.contains($0) } },
        "no message is made of \(parts)")
    }
  }

  /// A source as its messages read: literals joined that were split over lines, quotes as they are printed.
  private static func literals(_ path: String) throws -> String {
    try ProjectFiles.text(path).replacing(/"\s*\+\s*"/, with: "").replacing(/\\\n\s*/, with: "")
      .replacing("\\\"", with: "\"")
  }
}
