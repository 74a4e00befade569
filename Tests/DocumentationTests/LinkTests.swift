import Foundation
import Testing

/// Checks the links between the project's pages and to its files.
@Suite struct LinkTests {
  private static let pages = (try? ProjectFiles.all(".md", below: ["docs", "launch", "Benchmarks", "Tests"])) ?? []

  @Test func `the tests cover all pages, and the map of the documentation names them`() {
    for page in ["README.md", "CHANGELOG.md", "docs/README.md", "docs/configuration.md", "launch/README.md"] {
      #expect(LinkTests.pages.contains(page))
    }
    // The map of the documentation names every page of it.
    let map = (try? ProjectFiles.text("docs/README.md")) ?? ""
    for page in LinkTests.pages where page.hasPrefix("docs/") && page != "docs/README.md" {
      #expect(map.contains("](\(page.dropFirst("docs/".count))"), "docs/README.md does not name \(page)")
    }
  }

  @Test(arguments: pages) func `every link has an existing target`(page: String) throws {
    let folder = ProjectFiles.root.appending(path: page).deletingLastPathComponent()
    for link in LinkTests.links(in: try ProjectFiles.text(page)) where !link.contains("://") {
      let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let target = parts[0].isEmpty ? ProjectFiles.root.appending(path: page) : folder.appending(path: parts[0])
      #expect(FileManager.default.fileExists(atPath: target.standardizedFileURL.path), "\(page): \(link)")
      guard parts.count > 1, let text = try? String(contentsOf: target, encoding: .utf8) else { continue }
      #expect(LinkTests.headings(in: text).contains(parts[1]), "\(page): \(link) names no heading")
    }
  }

  /// The targets of links, `](…)`, outside of code.
  private static func links(in text: String) -> [String] {
    withoutCode(text).matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }
  }

  /// The anchors of headings: lower case, words joined by hyphens, without punctuation.
  private static func headings(in text: String) -> Set<String> {
    let lines = text.replacing(/(?ms)^```.*?^```/, with: "").split(separator: "\n").filter { $0.hasPrefix("#") }
    return Set(
      lines.map { line in
        let words = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
        return String(words.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.map { $0 == " " ? "-" : $0 })
      })
  }

  private static func withoutCode(_ text: String) -> String {
    text.replacing(/(?ms)^```.*?^```/, with: "").replacing(/`[^`\n]*`/, with: "`")
  }
}
