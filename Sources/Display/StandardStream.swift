import Foundation

/// Standard output and standard error. Write errors are ignored, because a closed pipe or a full disk must not end
/// the program.
public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes a text, up to the first error.
  public func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(rawValue, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
