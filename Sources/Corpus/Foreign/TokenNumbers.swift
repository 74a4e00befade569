import Storage

/// The number type of a token file.
public struct TokenNumbers: Sendable, Equatable {
  /// An integer type, under NumPy's name.
  public enum Kind: String, Sendable, CaseIterable {
    case uint8, int8, uint16, int16, uint32, int32, uint64, int64
  }

  let kind: Kind
  let isBigEndian: Bool

  init(_ kind: Kind, isBigEndian: Bool = false) {
    self.kind = kind
    self.isBigEndian = isBigEndian
  }

  /// The size of a number in bytes.
  var byteCount: Int {
    switch kind {
    case .uint8, .int8: 1
    case .uint16, .int16: 2
    case .uint32, .int32: 4
    case .uint64, .int64: 8
    }
  }

  /// One more than the largest token that a number can hold.
  var capacity: Int {
    switch kind {
    case .int8: 1 << 7
    case .uint8: 1 << 8
    case .int16: 1 << 15
    case .uint16: 1 << 16
    case .int32: 1 << 31
    case .uint32, .int64, .uint64: 1 << 32
    }
  }

  /// The smallest element type of a corpus that holds every token of this number type.
  var elementType: HDF5ElementType {
    switch byteCount {
    case 1: .uint8
    case 2: .uint16
    default: .uint32
    }
  }

  /// Decodes `tokens.count` numbers.
  ///
  /// - Parameter bytes: `tokens.count` numbers, aligned or not.
  /// - Returns: the index of the first number that is not a token, being negative or wider than 32 bits; nil if all are.
  func decode(_ bytes: UnsafeRawBufferPointer, into tokens: UnsafeMutableBufferPointer<UInt32>) -> Int? {
    switch kind {
    case .uint8: decode(bytes, as: UInt8.self, into: tokens)
    case .int8: decode(bytes, as: Int8.self, into: tokens)
    case .uint16: decode(bytes, as: UInt16.self, into: tokens)
    case .int16: decode(bytes, as: Int16.self, into: tokens)
    case .uint32: decode(bytes, as: UInt32.self, into: tokens)
    case .int32: decode(bytes, as: Int32.self, into: tokens)
    case .uint64: decode(bytes, as: UInt64.self, into: tokens)
    case .int64: decode(bytes, as: Int64.self, into: tokens)
    }
  }

  private func decode<Number: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: UnsafeRawBufferPointer, as: Number.Type, into tokens: UnsafeMutableBufferPointer<UInt32>
  ) -> Int? {
    precondition(bytes.count >= tokens.count * MemoryLayout<Number>.size)
    // The bits above the 32 of a token, which include the sign.
    var excess: UInt64 = 0
    for index in tokens.indices {
      let number = number(at: index, of: bytes, as: Number.self)
      tokens[index] = UInt32(truncatingIfNeeded: number)
      excess |= UInt64(truncatingIfNeeded: number) >> 32
    }
    guard excess != 0 else { return nil }
    return tokens.indices.first { UInt64(truncatingIfNeeded: number(at: $0, of: bytes, as: Number.self)) >> 32 != 0 }
  }

  /// The number at an index, for a message.
  func text(at index: Int, of bytes: UnsafeRawBufferPointer) -> String {
    switch kind {
    case .uint8: "\(number(at: index, of: bytes, as: UInt8.self))"
    case .int8: "\(number(at: index, of: bytes, as: Int8.self))"
    case .uint16: "\(number(at: index, of: bytes, as: UInt16.self))"
    case .int16: "\(number(at: index, of: bytes, as: Int16.self))"
    case .uint32: "\(number(at: index, of: bytes, as: UInt32.self))"
    case .int32: "\(number(at: index, of: bytes, as: Int32.self))"
    case .uint64: "\(number(at: index, of: bytes, as: UInt64.self))"
    case .int64: "\(number(at: index, of: bytes, as: Int64.self))"
    }
  }

  @inline(__always)
  private func number<Number: FixedWidthInteger & BitwiseCopyable>(
    at index: Int, of bytes: UnsafeRawBufferPointer, as: Number.Type
  ) -> Number {
    let stored = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Number>.size, as: Number.self)
    return isBigEndian ? Number(bigEndian: stored) : Number(littleEndian: stored)
  }
}

extension [UInt8] {
  /// The little-endian number at an offset.
  ///
  /// - Precondition: the array has its bytes.
  func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as: Number.Type) -> Number {
    withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
  }
}
