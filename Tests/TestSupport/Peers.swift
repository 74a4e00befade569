import Foundation

/// The programs that other people's files come from: Python with `transformers`, `tokenizers` and the like, as
/// Tests/Peers/peers.txt lists them.
public enum Peers {
  /// Their Python: `PHD_TEST_PYTHON`, which launch/test.sh sets, or the one that launch/python.sh has made.
  public static let python: String? = {
    let named = ProcessInfo.processInfo.environment["PHD_TEST_PYTHON"] ?? ""
    let path = named.isEmpty ? folder.appending(path: ".venv-peers/bin/python").path : named
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()

  /// Why tests that need them are skipped.
  public static let missing =
    "no Python with the packages of Tests/Peers/peers.txt; launch/python.sh Tests/Peers/peers.txt installs them"

  /// Tests/Peers.
  public static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Peers")

  /// Runs a script of Tests/Peers.
  ///
  /// - Returns: what it printed.
  /// - Throws: `LaunchError` where there is no Python, or with what it printed where the script failed.
  @discardableResult
  public static func run(_ script: String, _ arguments: [String] = [], timeout: Double = 300) throws -> String {
    guard let python else { throw LaunchError(description: "there is no Python with the peers' packages") }
    let outcome = try launch(
      python, [folder.appending(path: script).path] + arguments,
      environment: ["HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"],
      timeout: timeout)
    guard outcome.status == 0 else {
      throw LaunchError(description: "\(script) ended with \(outcome.status): \(outcome.error.suffix(3000))")
    }
    return outcome.output
  }
}

/// A file of the folder `shared` beside this checkout, which holds real text, tokenizers and weights that are not the
/// project's; nil where it is absent.
public func shared(_ path: String) -> String? {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared")
  let file = folder.appending(path: path).path
  return FileManager.default.fileExists(atPath: file) ? file : nil
}

/// Why tests that need such a file are skipped.
public let sharedIsMissing = "no folder shared beside the checkout: real text, tokenizers and weights"
