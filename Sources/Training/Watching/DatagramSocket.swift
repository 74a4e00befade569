import Foundation

/// A UDP socket for IPv4, for messages that may get lost.
final class DatagramSocket {
  /// A host's address and port, in network byte order.
  struct Address: Sendable, Equatable {
    var host: UInt32
    var port: UInt16
  }

  private let descriptor: Int32

  /// A socket bound to a free port on all addresses of this host; nil if the system refuses.
  init?() {
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var name = DatagramSocket.name(Address(host: 0, port: 0))
    let status = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The port of the socket, in network byte order.
  var port: UInt16 {
    var name = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return status == 0 ? name.sin_port : 0
  }

  /// Sends bytes. Errors are ignored.
  func send(_ bytes: [UInt8], to address: Address) {
    var name = DatagramSocket.name(address)
    _ = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(
          descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// The next message of at most `capacity` bytes and its sender; nil if none arrives within `milliseconds`.
  func receive(capacity: Int, milliseconds: Int32) -> (bytes: [UInt8], sender: Address)? {
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, milliseconds) > 0 else { return nil }
    var name = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    var bytes = [UInt8](repeating: 0, count: capacity)
    let count = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        recvfrom(descriptor, &bytes, capacity, Int32(MSG_DONTWAIT), $0, &length)
      }
    }
    guard count >= 0 else { return nil }
    return (Array(bytes.prefix(count)), Address(host: name.sin_addr.s_addr, port: name.sin_port))
  }

  private static func name(_ address: Address) -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = address.host
    name.sin_port = address.port
    return name
  }

  /// This host's addresses for other hosts; the loopback addresses if it has no others.
  static func hostAddresses() -> [UInt32] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var (outer, loopback): ([UInt32], [UInt32]) = ([], [])
    for interface in sequence(first: first, next: { $0?.pointee.ifa_next }).prefix(while: { $0 != nil }) {
      guard let interface = interface?.pointee, interface.ifa_flags & UInt32(IFF_UP) != 0,
        let name = interface.ifa_addr, name.pointee.sa_family == sa_family_t(AF_INET)
      else { continue }
      let host = name.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr }
      if interface.ifa_flags & UInt32(IFF_LOOPBACK) != 0 { loopback.append(host) } else { outer.append(host) }
    }
    return outer.isEmpty ? loopback : outer
  }
}
