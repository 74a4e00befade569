import Foundation
import TestSupport
import Testing

/// Checks that `phd inspect patterns` draws the pictures of the patterns.
@Suite struct PictureTests {
  /// The commands for the pictures in docs/hidden-decoding.md.
  private static let commands: [[String]] = {
    let text = (try? ProjectFiles.text("docs/hidden-decoding.md")) ?? ""
    return text.split(separator: "\n").filter { $0.hasPrefix("phd inspect patterns ") }
      .map { $0.split(separator: " ").map(String.init) }
  }()

  @Test func `the documented commands draw the pictures`() throws {
    #expect(PictureTests.commands.count == 3)
    let folder = try TemporaryFolder()
    for command in PictureTests.commands {
      let file = try #require(command.last)
      let outcome = try launch("phd", Array(command.dropFirst().dropLast()) + [folder.path + "/drawn.svg"])
      #expect(outcome.status == 0, "\(outcome.error)")
      let drawn = try String(contentsOfFile: folder.path + "/drawn.svg", encoding: .utf8)
      #expect(try ProjectFiles.text(file) == drawn, "\(file) differs; draw it again")
    }
  }
}
