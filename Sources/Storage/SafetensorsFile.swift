import Foundation
import JSON

/// The element types of weights in safetensors files.
public enum SafetensorsType: String, Sendable, CaseIterable {
  case fp32 = "F32"
  case fp16 = "F16"
  case bf16 = "BF16"

  public var bytes: Int { self == .fp32 ? 4 : 2 }
}

/// A safetensors file (https://github.com/huggingface/safetensors): the length of the header (8 bytes, little-endian), the
/// header, which is a JSON object, and the bytes of the tensors without gaps.
///
/// The header is validated against the size of the file.
public final class SafetensorsFile: Sendable {
  public struct Tensor: Sendable, Equatable {
    public let name: String
    /// Nil for types other than those of weights: integers, float64, float8.
    public let type: SafetensorsType?
    /// The name of the type in the file.
    public let typeName: String
    public let shape: [Int]
    /// The range of its bytes in the file.
    public let range: Range<Int>

    public var elementCount: Int { shape.reduce(1, *) }
  }

  public let path: String
  /// In the order of their bytes.
  public let tensors: [Tensor]
  /// `__metadata__`.
  public let metadata: [String: String]

  private let file: RandomAccessFile
  private let places: [String: Int]

  /// In bytes, as in the format's own library.
  private static let longestHeader = 100_000_000
  /// The number of bits of an element of each type of the format.
  private static let bits: [String: Int] = [
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64,
  ]

  /// Opens a file and reads its header.
  ///
  /// - Throws: `StorageError`: `.missing`, `.damaged` with what is wrong in the header, `.failed`.
  public init(_ path: String) throws {
    let file = try RandomAccessFile(path)
    let size = file.size
    func damaged(_ message: String) -> StorageError { StorageError(.damaged, path, message) }
    guard size >= 8 else {
      throw damaged("is not a safetensors file: it has \(size) bytes, but the length of its header alone takes 8")
    }
    let length = try file.bytes(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= min(size - 8, Self.longestHeader) else {
      throw damaged(
        "is not a complete safetensors file: it declares a header of \(length) bytes, but only \(size - 8) follow")
    }
    let json: JSONValue
    do {
      json = try JSONValue(parsing: try file.bytes(at: 8, count: Int(length)))
    } catch let error as JSONError {
      throw damaged("has a header that is not JSON, \(error)")
    }
    guard let fields = json.object?.fields else { throw damaged("has a header that is not a JSON object") }
    var tensors: [Tensor] = []
    var metadata: [String: String] = [:]
    let start = 8 + Int(length)
    for field in fields {
      if field.name == "__metadata__" {
        for entry in field.value.object?.fields ?? [] { metadata[entry.name] = entry.value.string }
        continue
      }
      do throws(TensorError) {
        tensors.append(try Self.tensor(field.name, field.value, start: start, end: size))
      } catch {
        throw damaged("the header's tensor \(quoted(field.name)): \(error.message)")
      }
    }
    tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var end = start
    for tensor in tensors {
      guard tensor.range.lowerBound == end else {
        let problem = tensor.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
        throw damaged("the header's tensor \(quoted(tensor.name)) \(problem)")
      }
      end = tensor.range.upperBound
    }
    guard end == size else {
      throw damaged("has \(size) bytes, but its tensors end at byte \(end)")
    }
    self.path = path
    self.tensors = tensors
    self.metadata = metadata
    // Names with different bytes can be equal as strings.
    places = Dictionary(tensors.enumerated().map { ($1.name, $0) }) { first, _ in first }
    self.file = file
  }

  private struct TensorError: Error {
    let message: String
  }

  private static func tensor(
    _ name: String, _ json: JSONValue, start: Int, end: Int
  ) throws(TensorError) -> Tensor {
    guard let typeName = json["dtype"]?.string, let bits = bits[typeName] else {
      throw TensorError(message: "dtype is \(json["dtype"]?.described ?? "missing"), which is not a type of the format")
    }
    let sizes = json["shape"]?.array?.map(\.integer)
    guard let sizes, sizes.allSatisfy({ ($0 ?? -1) >= 0 }) else {
      throw TensorError(message: "shape is not a list of sizes")
    }
    let shape = sizes.compactMap(\.self)
    var bytes = bits / 8
    for size in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      if overflow { throw TensorError(message: "the shape \(shape) overflows") }
      bytes = product
    }
    guard let offsets = json["data_offsets"]?.array?.map(\.integer), offsets.count == 2, let first = offsets[0],
      let last = offsets[1], first >= 0, first <= last, last <= end - start
    else {
      throw TensorError(
        message: "data_offsets are \(json["data_offsets"]?.compact ?? "missing"), but \(end - start) bytes follow the "
          + "header")
    }
    guard last - first == bytes else {
      throw TensorError(
        message: "data_offsets have \(last - first) bytes, but the shape \(shape) of \(typeName) takes \(bytes)")
    }
    return Tensor(
      name: name, type: SafetensorsType(rawValue: typeName), typeName: typeName, shape: shape,
      range: start + first..<start + last)
  }

  /// The tensor with a name; nil if there is none.
  public subscript(name: String) -> Tensor? { places[name].map { tensors[$0] } }

  /// Reads `floats.count` elements of a tensor from `first` on, converted exactly to fp32.
  ///
  /// - Precondition: the elements are in the tensor, which has a ``Tensor/type``.
  /// - Throws: `StorageError`: `.damaged` if the file was truncated, `.failed`.
  public func read(_ tensor: Tensor, from first: Int, into floats: UnsafeMutableBufferPointer<Float>) throws {
    guard let type = tensor.type, first >= 0, first + floats.count <= tensor.elementCount else {
      preconditionFailure("elements \(first)..<\(first + floats.count) of \(tensor)")
    }
    let blockElements = 1 << 18
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(blockElements, max(1, floats.count)) * type.bytes, alignment: 64)
    defer { block.deallocate() }
    for start in stride(from: 0, to: floats.count, by: blockElements) {
      let count = min(blockElements, floats.count - start)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: block[..<(count * type.bytes)])
      try file.read(at: tensor.range.lowerBound + (first + start) * type.bytes, into: bytes)
      for index in 0..<count {
        floats[start + index] =
          switch type {
          case .fp32: Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self).littleEndian)
          case .fp16: Float(Float16(bitPattern: bits16(bytes, index)))
          case .bf16: Float(bitPattern: UInt32(bits16(bytes, index)) << 16)
          }
      }
    }
  }

  private func bits16(_ bytes: UnsafeMutableRawBufferPointer, _ index: Int) -> UInt16 {
    bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self).littleEndian
  }
}
