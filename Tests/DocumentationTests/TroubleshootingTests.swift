import Foundation
import Testing

/// Checks that the messages quoted in docs/troubleshooting.md exist in the sources.
@Suite struct TroubleshootingTests {
  /// The constant parts of each message, between its variable parts.
  private static let messages: [[String]] = {
    let text = (try? ProjectFiles.text("docs/troubleshooting.md")) ?? ""
    return text.replacing("\n", with: " ").matches(of: /\*\*`([^`]+)`\*\*/).map { match in
      match.1.split(separator: "…").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " ,;:")) }
        .filter { !$0.isEmpty }
    }
  }()

  @Test func `quotes are long enough to identify a message`() {
    #expect(TroubleshootingTests.messages.count > 25)
    for parts in TroubleshootingTests.messages {
      #expect(parts.contains { $0.count >= 10 }, "\(parts) are too short")
    }
  }

  @Test func `every quoted message exists in the sources`() throws {
    let sources = try ProjectFiles.all(".swift", below: ["Sources"]).map { try TroubleshootingTests.literals($0) }
    for parts in TroubleshootingTests.messages {
      #expect(
        sources.contains { source in parts.allSatisfy { source.contains($0) } },
        "no message contains \(parts)")
    }
  }

  /// A source file with split string literals joined and escaped quotes replaced, so that it contains messages as
  /// printed.
  private static func literals(_ path: String) throws -> String {
    try ProjectFiles.text(path).replacing(/"\s*\+\s*"/, with: "").replacing(/\\\n\s*/, with: "")
      .replacing("\\\"", with: "\"")
  }
}
