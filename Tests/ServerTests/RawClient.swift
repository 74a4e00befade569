import Foundation
import JSON
import TestSupport

/// A TCP connection for requests that may violate HTTP.
final class RawClient {
  private let descriptor: Int32
  private var received: [UInt8] = []

  /// - Parameter smallWindow: whether to use a small receive buffer.
  init(port: Int, smallWindow: Bool = false) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if smallWindow {
      var bytes: Int32 = 4096
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let status = withUnsafeBytes(of: &address) { bytes in
      bytes.withMemoryRebound(to: sockaddr.self) { connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
    }
    guard status == 0 else { throw LaunchError(description: "no connection to port \(port): errno \(errno)") }
  }

  deinit { close(descriptor) }

  /// - Returns: false if the server has closed the connection.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if sent <= 0 { return false }
      rest = rest.dropFirst(sent)
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Reads the available bytes.
  ///
  /// - Returns: false if the server has closed the connection.
  private func read() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    if count > 0 { received += buffer[..<count] }
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
  }

  var text: String { String(decoding: received, as: UTF8.self) }

  /// Reads until the condition is true, the server closes the connection, or the time is over.
  @discardableResult
  func read(seconds: Double = 30, until condition: (String) -> Bool) -> Bool {
    var patience = Patience(seconds: seconds)
    while !condition(text) {
      let before = received.count
      guard read() else { return condition(text) }
      if received.count == before && !patience.sleep(milliseconds: 2) { return condition(text) }
    }
    return true
  }

  /// Whether the server closes the connection within the time.
  func closes(seconds: Double = 30) -> Bool {
    var patience = Patience(seconds: seconds)
    while read() {
      guard patience.sleep(milliseconds: 2) else { return false }
    }
    return true
  }

  /// The next response with a Content-Length.
  func response(seconds: Double = 60) -> (status: Int, headers: String, body: String)? {
    var found: (Int, String, String)?
    read(seconds: seconds) { text in
      guard let end = text.range(of: "\r\n\r\n") else { return false }
      let headers = text[..<end.lowerBound].lowercased()
      if headers.hasPrefix("http/1.1 100") { return false }
      let line = headers.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
      let length = line.flatMap { Int($0.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) } ?? 0
      let body = text[end.upperBound...].utf8
      guard body.count >= length, let rest = String(body.prefix(length)) else { return false }
      found = (Int(headers.split(separator: " ")[1]) ?? 0, String(headers), rest)
      received.removeFirst(text[..<end.upperBound].utf8.count + length)
      return true
    }
    return found
  }

  /// Sends a completion request and reads the response.
  func complete(_ json: String) throws -> (status: Int, json: JSONValue) {
    send(RawClient.request(json))
    guard let response = response() else { throw LaunchError(description: "no response: \(text.prefix(500))") }
    return (response.status, try JSONValue(parsing: response.body))
  }

  static func request(_ json: String, _ headers: String = "") -> String {
    "POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(json.utf8.count)\r\n\(headers)\r\n\(json)"
  }

  static func get(_ path: String, method: String = "GET") -> String {
    "\(method) \(path) HTTP/1.1\r\nHost: test\r\n\r\n"
  }
}
