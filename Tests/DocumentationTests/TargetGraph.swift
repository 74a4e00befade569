import Foundation

/// The targets of Package.swift and the arrows between them.
struct TargetGraph {
  struct Target {
    let name: String
    /// The folder, from the project's root.
    let folder: String
    let isTest: Bool
    /// The targets of this package that it declares as dependencies.
    let dependencies: [String]
  }

  let targets: [Target]

  /// Reads Package.swift's text. System libraries (`C…`) and other packages' products are not targets of the graph.
  init(manifest: String) {
    let declaration = /\.(target|executableTarget|testTarget)\(\s*name: "([^"]+)"((?:[^()]|\([^()]*\))*)\)/
    var found: [(kind: Substring, name: String, body: Substring)] = []
    for match in manifest.matches(of: declaration) { found.append((match.1, String(match.2), match.3)) }
    let names = Set(found.map(\.name))
    targets = found.map { kind, name, body in
      let isTest = kind == "testTarget"
      // What another package provides is not among the names.
      let list = body.firstMatch(of: /dependencies: \[((?:[^\[\]])*)\]/)?.1 ?? ""
      let own = list.replacing(/\.product\([^)]*\)/, with: "").matches(of: /"([^"]+)"/).map { String($0.1) }
      let path = body.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) }
      return Target(
        name: name, folder: path ?? (isTest ? "Tests/" : "Sources/") + name, isTest: isTest,
        dependencies: own.filter(names.contains))
    }
  }

  /// The targets in Sources/.
  var sources: [Target] { targets.filter { $0.folder.hasPrefix("Sources/") } }

  /// Everything that a target depends on, directly or through others; itself if there is a circle through it.
  func reachable(from name: String) -> Set<String> {
    var seen: Set<String> = []
    var rest = dependencies(of: name)
    while let next = rest.popLast() {
      if seen.insert(next).inserted { rest += dependencies(of: next) }
    }
    return seen
  }

  private func dependencies(of name: String) -> [String] { targets.first { $0.name == name }?.dependencies ?? [] }

  /// The graph of Sources/ in Mermaid's language. An arrow that a longer way implies is not drawn.
  ///
  /// - Precondition: there is no circle.
  var mermaid: String {
    var lines = ["```mermaid", "graph BT"]
    for target in sources.sorted(by: { ($0.height(in: self), $0.name) < ($1.height(in: self), $1.name) }) {
      let implied = target.dependencies.reduce(into: Set<String>()) { $0.formUnion(reachable(from: $1)) }
      let drawn = target.dependencies.filter { !implied.contains($0) }.sorted()
      if drawn.isEmpty { lines.append("  \(target.name)") }
      for dependency in drawn { lines.append("  \(dependency) --> \(target.name)") }
    }
    return (lines + ["```"]).joined(separator: "\n")
  }

  /// Every target of Sources/ with all that it declares, as a table.
  var table: String {
    var lines = ["| target | declares |", "|---|---|"]
    for target in sources.sorted(by: { ($0.height(in: self), $0.name) < ($1.height(in: self), $1.name) }) {
      let all = target.dependencies.isEmpty ? "no other target" : target.dependencies.sorted().joined(separator: ", ")
      lines.append("| \(target.name) | \(all) |")
    }
    return lines.joined(separator: "\n")
  }
}

extension TargetGraph.Target {
  /// How many arrows the longest way from the target down to one without dependencies has.
  fileprivate func height(in graph: TargetGraph) -> Int {
    dependencies.compactMap { name in graph.targets.first { $0.name == name }?.height(in: graph) }.max().map { $0 + 1 }
      ?? 0
  }
}
