import Foundation
import TestSupport
import Testing

/// The pictures of patterns are what `phd inspect patterns` draws.
@Suite struct PictureTests {
  /// The commands that docs/hidden-decoding.md gives for its pictures.
  private static let commands: [[String]] = {
    let text = (try? ProjectFiles.text("docs/hidden-decoding.md")) ?? ""
    return text.split(separator: "\n").filter { $0.hasPrefix("phd inspect patterns ") }
      .map { $0.split(separator: " ").map(String.init) }
  }()

  @Test func `the commands make the files`() throws {
    #expect(PictureTests.commands.count == 3)
    let folder = try TemporaryFolder()
    for command in PictureTests.commands {
      let file = try #require(command.last)
      let outcome = try launch("phd", Array(command.dropFirst().dropLast()) + [folder.path + "/drawn.svg"])
      #expect(outcome.status == 0, "\(outcome.error)")
      let drawn = try String(contentsOfFile: folder.path + "/drawn.svg", encoding: .utf8)
      #expect(try ProjectFiles.text(file) == drawn, "\(file) is another picture; make it again")
    }
  }
}
