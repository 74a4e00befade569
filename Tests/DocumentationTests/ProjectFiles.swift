import Foundation

/// The project's own files, by their path from its root.
enum ProjectFiles {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The files with an ending in the root and below some folders, without hidden files.
  static func all(_ ending: String, below folders: [String]) throws -> [String] {
    let manager = FileManager.default
    var paths = try manager.contentsOfDirectory(atPath: root.path).filter { $0.hasSuffix(ending) }
    for folder in folders {
      // The kernels' targets share one folder, by links.
      let place = root.appending(path: folder).resolvingSymlinksInPath().path
      let inside = manager.enumerator(atPath: place)?.compactMap { $0 as? String } ?? []
      let visible = inside.filter { path in !path.split(separator: "/").contains { $0.hasPrefix(".") } }
      paths += visible.filter { $0.hasSuffix(ending) }.map { "\(folder)/\($0)" }
    }
    return paths.sorted()
  }

  /// Files of that ending in a folder and the folders below it.
  static func all(_ ending: String, in folder: String) throws -> [String] {
    try all(ending, below: [folder]).filter { $0.hasPrefix(folder + "/") }
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}
