import Foundation

/// A new empty folder that goes when this object goes.
public final class TemporaryFolder: Sendable {
  public let url: URL
  public var path: String { url.path }

  /// - Throws: Foundation's error where the folder can't be made.
  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("phd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}
