/// The checksum of event files: CRC-32C (Castagnoli, RFC 3720), computed with a table of 256 remainders.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { remainder, _ in remainder >> 1 ^ (remainder & 1 == 1 ? 0x82f6_3b78 : 0) }
  }

  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let table = table
    return ~bytes.reduce(~0) { crc, byte in crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
  }

  /// TFRecord's masked checksum: rotated, plus a constant, because a CRC over data that contains CRCs is weak.
  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let crc = checksum(bytes)
    return (crc >> 15 | crc << 17) &+ 0xa282_ead8
  }
}
