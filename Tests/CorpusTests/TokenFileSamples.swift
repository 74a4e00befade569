import Foundation

@testable import Corpus

/// Small token files.
enum TokenFileSamples {
  static func bytes<Number: FixedWidthInteger>(_ numbers: [Number]) -> [UInt8] {
    numbers.flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
  }

  /// A `.npy` file with `dictionary` as its header.
  static func npy(_ dictionary: String, _ array: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let text = Array((dictionary + "\n").utf8)
    let length = version == 1 ? bytes([UInt16(text.count)]) : bytes([UInt32(text.count)])
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + array
  }

  static func llmc(magic: Int32 = 20_240_520, version: Int32 = 1, count: Int32, _ tokens: [UInt8]) -> [UInt8] {
    bytes([magic, version, count] + [Int32](repeating: 0, count: 253)) + tokens
  }

  static func megatronIndex(
    code: UInt8 = 8, version: UInt64 = 1, sequences: UInt64? = nil, boundaryCount: UInt64? = nil, lengths: [Int32],
    pointers: [Int64], boundaries: [Int64]
  ) -> [UInt8] {
    Array("MMIDIDX\0\0".utf8) + bytes([version]) + [code]
      + bytes([sequences ?? UInt64(lengths.count), boundaryCount ?? UInt64(boundaries.count)])
      + bytes(lengths) + bytes(pointers) + bytes(boundaries)
  }

  /// Twelve tokens in three sequences and two documents.
  static let index = megatronIndex(lengths: [3, 4, 5], pointers: [0, 6, 14], boundaries: [0, 2, 3])
  static let tokens = bytes([UInt16](1...12))
}

/// Collects the tokens of a source.
final class TokenCollector: TokenConsumer {
  private(set) var tokens: [UInt32] = []
  /// The positions at which documents ended.
  private(set) var ends: [Int] = []

  func append(_ tokens: UnsafeBufferPointer<UInt32>, of path: String, place: (Int) -> String) {
    self.tokens += tokens
  }

  func endDocument() {
    ends.append(tokens.count)
  }
}

/// Opens a file and reads it to its end.
func readTokens(
  _ path: String, as format: some TokenFormat, _ options: TokenImporter.Options = .init()
) throws -> TokenCollector {
  let collector = TokenCollector()
  func read(_ source: some TokenSource) throws { try source.read(into: collector) { _ in } }
  try read(format.open(path, options))
  return collector
}
