/// Encodes the records of an event file.
///
/// The file is a sequence of TensorFlow's TFRecords: the length of the data (8 bytes, little-endian), the masked CRC-32C of
/// these 8 bytes, the data, the masked CRC-32C of the data. The data is an `Event` in protobuf's encoding, with these
/// fields:
///
/// ```
/// Event      { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5;
///              SessionLog session_log = 7; }
/// Summary    { repeated Value value = 1; }     Value { string tag = 1; float simple_value = 2; }
/// SessionLog { SessionStatus status = 1; }     SessionStatus { START = 1; }
/// ```
///
/// A field is encoded as its number · 8 + its wire type as a varint, followed by its value: a varint for wire type 0, eight
/// bytes for 1, a length and as many bytes for 2, four bytes for 5.
enum EventMessage {
  /// The first record of a file, with the format's version. Readers use ``start(step:wallTime:)`` from version 2 on.
  static func version(wallTime: Double) -> [UInt8] {
    record(wallTime: wallTime, step: 0) { $0.field(3, Array("brain.Event:2".utf8)) }
  }

  /// A run starts or resumes. Earlier values of `step` and later steps are replaced.
  static func start(step: Int, wallTime: Double) -> [UInt8] {
    record(wallTime: wallTime, step: step) { event in
      var log = Protobuf()
      log.field(1, varint: 1)
      event.field(7, log.bytes)
    }
  }

  /// A step's values by tag.
  static func scalars(_ scalars: [(tag: String, value: Float)], step: Int, wallTime: Double) -> [UInt8] {
    record(wallTime: wallTime, step: step) { event in
      var summary = Protobuf()
      for scalar in scalars {
        var value = Protobuf()
        value.field(1, Array(scalar.tag.utf8))
        value.field(2, scalar.value)
        summary.field(1, value.bytes)
      }
      event.field(5, summary.bytes)
    }
  }

  private static func record(wallTime: Double, step: Int, _ fill: (inout Protobuf) -> Void) -> [UInt8] {
    var event = Protobuf()
    event.field(1, wallTime)
    if step != 0 { event.field(2, varint: UInt64(bitPattern: Int64(step))) }
    fill(&event)
    let length = Protobuf.littleEndian(UInt64(event.bytes.count))
    return length + Protobuf.littleEndian(CRC32C.masked(length)) + event.bytes
      + Protobuf.littleEndian(CRC32C.masked(event.bytes))
  }
}

/// Builds a protobuf message.
private struct Protobuf {
  var bytes: [UInt8] = []

  mutating func field(_ number: UInt64, varint value: UInt64) {
    varint(number << 3)
    varint(value)
  }

  mutating func field(_ number: UInt64, _ value: Double) {
    varint(number << 3 | 1)
    bytes += Protobuf.littleEndian(value.bitPattern)
  }

  mutating func field(_ number: UInt64, _ value: [UInt8]) {
    varint(number << 3 | 2)
    varint(UInt64(value.count))
    bytes += value
  }

  mutating func field(_ number: UInt64, _ value: Float) {
    varint(number << 3 | 5)
    bytes += Protobuf.littleEndian(value.bitPattern)
  }

  /// Seven bits per byte, the lowest first; the eighth bit is set if more bytes follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  static func littleEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
}
