import Foundation

/// Runs `body` with a new empty folder and removes it afterwards.
public func withTemporaryFolder<Result>(_ body: (_ path: String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "phd-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// All bytes of a file.
public func bytes(of path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// Writes a file.
public func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// SplitMix64: random numbers that are the same in every run.
public struct SplitMix: RandomNumberGenerator {
  public var state: UInt64

  public init(state: UInt64) { self.state = state }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}

/// A random damage of a file: flipped bits, removed bytes, a truncation, or inserted bytes.
public func damaged(_ original: [UInt8], with random: inout SplitMix) -> [UInt8] {
  var bytes = original
  switch Int.random(in: 0..<6, using: &random) {
  case 0:
    bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
  case 1:
    let start = Int.random(in: 0..<bytes.count, using: &random)
    bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...64, using: &random)))
  case 2:
    let added = (0..<Int.random(in: 1...64, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random)
    }
    bytes.insert(contentsOf: added, at: Int.random(in: 0...bytes.count, using: &random))
  default:
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let position = Int.random(in: 0..<bytes.count, using: &random)
      bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
  }
  return bytes
}
