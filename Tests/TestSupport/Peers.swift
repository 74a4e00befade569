import Foundation

/// Python with the libraries that results are compared with, such as `transformers` and `tokenizers`. Tests/Peers/peers.txt
/// lists them.
public enum Peers {
  /// The Python program: `PHD_TEST_PYTHON`, which launch/test.sh sets, or the environment of launch/python.sh; nil if there
  /// is none.
  public static let python: String? = {
    let named = ProcessInfo.processInfo.environment["PHD_TEST_PYTHON"] ?? ""
    let path = named.isEmpty ? folder.appending(path: ".venv-peers/bin/python").path : named
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()

  /// The reason why tests that need them are skipped.
  public static let missing =
    "no Python with the packages of Tests/Peers/peers.txt; launch/python.sh Tests/Peers/peers.txt installs them"

  /// The folder Tests/Peers.
  public static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Peers")

  /// Runs a script of Tests/Peers.
  ///
  /// - Returns: its standard output.
  /// - Throws: `LaunchError` if there is no Python or the script fails, with its standard error.
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

/// The path of a file in the folder `shared` next to this checkout, which has real texts, tokenizers and weights that are not
/// part of the project; nil if the file does not exist.
public func shared(_ path: String) -> String? {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared")
  let file = folder.appending(path: path).path
  return FileManager.default.fileExists(atPath: file) ? file : nil
}

/// The reason why tests that need such a file are skipped.
public let sharedIsMissing = "no folder shared next to the checkout, with real texts, tokenizers and weights"
