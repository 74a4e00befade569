import Foundation
import JSON

extension SafetensorsFile {
  /// Writes a file of tensors, which appears under its name only when it is complete.
  ///
  /// - Parameters:
  ///   - type: the element type of all tensors: fp32, or bf16, rounded to the nearest, ties to even.
  ///   - read: fills `floats` with rows of a tensor, or with elements of a vector.
  /// - Throws: `StorageError.failed`; what `read` throws.
  public static func write(
    _ tensors: [(name: String, shape: [Int])], as type: SafetensorsType, to path: String,
    read: (_ tensor: Int, _ rows: Range<Int>, _ floats: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    precondition(type != .fp16, "weights are written as fp32 or bf16")
    // `transformers` requires this. It means that the tensors have PyTorch's layout.
    var fields = [JSONValue.Field(name: "__metadata__", value: ["format": "pt"])]
    var end = 0
    for tensor in tensors {
      let bytes = tensor.shape.reduce(type.bytes, *)
      let value: JSONValue = [
        "dtype": .string(type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(end), .integer(end + bytes)],
      ]
      fields.append(JSONValue.Field(name: tensor.name, value: value))
      end += bytes
    }
    var text = Array(JSONValue.object(JSONValue.Object(distinct: fields)).compact.utf8)
    // Padding, so that the tensors start at a multiple of eight.
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    let head = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text

    try WholeFile.write(to: path) { temporary in
      var file = try ByteWriter(emptying: temporary)
      try head.withUnsafeBytes { try file.append($0) }
      let rowSizes = tensors.map { $0.shape.dropFirst().reduce(1, *) }
      let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(1 << 18, rowSizes.max() ?? 0))
      defer { floats.deallocate() }
      var rounded: [UInt16] = []
      for (index, tensor) in tensors.enumerated() {
        let (rows, columns) = (tensor.shape.first ?? 1, max(1, rowSizes[index]))
        let atOnce = floats.count / columns
        for first in stride(from: 0, to: rows, by: atOnce) {
          let range = first..<min(first + atOnce, rows)
          let slice = UnsafeMutableBufferPointer(rebasing: floats[..<(range.count * columns)])
          try read(index, range, slice)
          if type == .fp32 {
            try file.append(UnsafeRawBufferPointer(slice))
          } else {
            rounded.removeAll(keepingCapacity: true)
            for value in slice { rounded.append(roundedToBF16(value)) }
            try rounded.withUnsafeBytes { try file.append($0) }
          }
        }
      }
    }
  }

  /// The nearest bf16, ties to even. A NaN becomes a quiet NaN.
  static func roundedToBF16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits + 0x7fff + (bits >> 16 & 1)) >> 16)
  }
}
