import Foundation

/// A new empty folder that is removed when this object is destroyed.
public final class TemporaryFolder: Sendable {
  public let url: URL
  public var path: String { url.path }

  /// - Throws: Foundation's error if the folder cannot be created.
  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("phd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}
