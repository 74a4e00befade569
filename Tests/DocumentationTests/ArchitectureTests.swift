import Foundation
import Testing

/// The house as Package.swift declares it: no circle, the arrows that are promised, and rooms of a readable size.
@Suite struct ArchitectureTests {
  private static let graph = TargetGraph(manifest: (try? ProjectFiles.text("Package.swift")) ?? "")

  private var graph: TargetGraph { ArchitectureTests.graph }

  @Test func `the manifest is read`() throws {
    let training = try #require(graph.targets.first { $0.name == "Training" })
    #expect(training.dependencies.contains("Communication") && training.folder == "Sources/Training")
    #expect(graph.targets.contains { $0.name == "DocumentationTests" && $0.isTest })
    // Every folder with Swift files belongs to a target.
    for file in try ProjectFiles.all(".swift", in: "Sources") {
      #expect(graph.sources.contains { file.hasPrefix($0.folder + "/") }, "\(file) belongs to no target")
    }
  }

  @Test func `no target depends on itself`() {
    for target in graph.targets {
      #expect(!graph.reachable(from: target.name).contains(target.name), "a circle through \(target.name)")
    }
  }

  /// What must not be reached from where.
  @Test(arguments: [
    ("Reports", ["Training", "Communication"]), ("Server", ["Training", "Communication"]),
    ("Inference", ["Training", "Communication", "Configuration", "Storage"]),
    ("Inspection", ["Training", "Communication"]), ("RunFiles", ["Training", "Communication", "Inference"]),
    ("Configuration", ["Training", "Communication", "Storage", "Corpus", "Evaluation"]),
    ("Optimization", ["Configuration", "Communication", "Storage"]), ("Transformer", ["Storage", "Communication"]),
    ("Kernels", ["Transformer", "Storage", "Communication"]), ("VectorKernels", ["Kernels"]),
    ("Corpus", ["Kernels", "Transformer", "Communication"]),
    ("Communication", ["Kernels", "Storage"]), ("Storage", ["Kernels", "Communication"]),
  ])
  func `inner rooms do not reach outer ones`(name: String, forbidden: [String]) throws {
    try #require(graph.targets.contains { $0.name == name })
    let reached = graph.reachable(from: name)
    for other in forbidden {
      #expect(graph.targets.contains { $0.name == other }, "there is no target \(other)")
      #expect(!reached.contains(other), "\(name) reaches \(other)")
    }
  }

  @Test func `a file imports only what its target declares`() throws {
    for target in graph.targets {
      for file in try ProjectFiles.all(".swift", in: target.folder) {
        for match in try ProjectFiles.text(file).matches(of: /(?m)^(?:@testable )?import (?:struct |enum |func )?(\w+)/)
        {
          let name = String(match.1).replacing("_", with: "-")
          guard graph.targets.contains(where: { $0.name == name }), name != target.name else { continue }
          #expect(target.dependencies.contains(name), "\(file) imports \(name)")
        }
      }
    }
  }

  @Test func `a target declares only what its files import`() throws {
    // Tests also depend on programs that they run.
    let programs: Set = ["phd", "phd-train", "mpi-checks", "allocation-checks", "fault-checks", "optimizer-checks"]
    for target in graph.targets {
      let texts = try ProjectFiles.all(".swift", in: target.folder).map { try ProjectFiles.text($0) }
      for name in target.dependencies where !programs.contains(name) {
        let module = name.replacing("-", with: "_")
        let isImported = texts.contains { text in
          text.split(separator: "\n").contains { $0.contains("import ") && $0.hasSuffix(" \(module)") }
        }
        #expect(isImported, "\(target.name) never imports \(name)")
      }
    }
  }

  /// A target is a room. VectorKernels is one target for the sake of speed, since calls between modules are not inlined:
  /// its folders are the rooms.
  @Test func `no room has more than 45 files`() throws {
    for target in graph.sources {
      let files = try ProjectFiles.all(".swift", in: target.folder)
      #expect(!files.isEmpty, "\(target.name) has no files")
      guard target.name.hasPrefix("VectorKernels") else {
        #expect(files.count <= 45, "\(target.name) has \(files.count) files")
        continue
      }
      let folders = Dictionary(grouping: files) { $0.split(separator: "/").dropLast().joined(separator: "/") }
      for (folder, files) in folders {
        #expect(files.count <= 20, "\(folder) has \(files.count) files")
      }
    }
  }

  /// With `PHD_WRITE_DOCS=1` in the environment the page is written instead.
  @Test func `the architecture page draws the manifest's arrows`() throws {
    let page = ProjectFiles.root.appending(path: "docs/architecture.md")
    var text = try String(contentsOf: page, encoding: .utf8)
    for (name, drawn) in [("graph", graph.mermaid), ("table", graph.table)] {
      let (start, end) = ("<!-- \(name) begins -->", "<!-- \(name) ends -->")
      let first = try #require(text.range(of: start), "docs/architecture.md has no mark \(start)")
      let last = try #require(text.range(of: end), "docs/architecture.md has no mark \(end)")
      let body = "\n\(drawn)\n"
      if ProcessInfo.processInfo.environment["PHD_WRITE_DOCS"] == "1" {
        text.replaceSubrange(first.upperBound..<last.lowerBound, with: body)
        try text.write(to: page, atomically: true, encoding: .utf8)
      } else {
        #expect(
          text[first.upperBound..<last.lowerBound] == body, "the \(name) is out of date: the page says how to draw it")
      }
    }
  }
}
