import Foundation

/// What a program says. Nobody may be there to hear it: a closed pipe or a full disk is no reason to lose what the program
/// is at.
public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes as much as the stream takes.
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
