import Charts
import Foundation
import Host
import Storage

/// Picture files, whose format follows from the file's name.
public enum Picture {
  public enum Kind: String, CaseIterable, Sendable {
    case svg
    case png
    case html

    /// Nil if the name has none of these extensions.
    public init?(path: String) {
      guard let dot = path.lastIndex(of: "."), let kind = Kind(rawValue: path[dot...].dropFirst().lowercased()) else {
        return nil
      }
      self = kind
    }
  }

  /// Converts an SVG to PNG with `rsvg-convert`.
  ///
  /// - Parameter scale: pixels per unit of the SVG.
  /// - Throws: `StorageError`, `.missing` if `rsvg-convert` is not installed, `.failed`; `ResourceError` if no thread can be
  ///   started to wait for it.
  public static func writePNG(_ svg: String, scale: Double, to path: String) throws {
    guard let converter = program("rsvg-convert") else {
      throw StorageError(
        .missing, path,
        "cannot be written without rsvg-convert, which is not on the PATH: install it (Debian: apt install "
          + "librsvg2-bin), or write .svg")
    }
    let source = FileManager.default.temporaryDirectory.appending(path: "phd-\(UUID().uuidString).svg")
    defer { try? FileManager.default.removeItem(at: source) }
    try WholeFile.write(Array(svg.utf8), to: source.path)
    // Foundation waits for a process on a new thread, and blocks forever if it cannot start one.
    try SystemThread.requireRoom(for: 1, "of another program")
    try WholeFile.write(to: path) { temporary in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: converter)
      process.arguments = ["--format", "png", "--zoom", "\(scale)", "--output", temporary, source.path]
      let errors = Pipe()
      process.standardError = errors
      do {
        try process.run()
      } catch {
        throw StorageError(.failed, path, "rsvg-convert cannot be started: \(error.localizedDescription)")
      }
      let message = (try? errors.fileHandleForReading.readToEnd()).flatMap { String(decoding: $0, as: UTF8.self) } ?? ""
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw StorageError(
          .failed, path, "rsvg-convert failed: \(message.trimmingCharacters(in: .whitespacesAndNewlines))")
      }
    }
  }

  /// A program's path, found through the PATH.
  private static func program(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
