import CHDF5

/// The number types of datasets, in any byte order.
public enum HDF5ElementType: String, Sendable, CaseIterable {
  case uint8, uint16, uint32, uint64, int32, int64, float32, float64
  /// Anything else: other integers and floats, strings, compounds.
  case other

  /// The size of one element in memory, 0 for `other`.
  public var byteCount: Int {
    switch self {
    case .uint8: 1
    case .uint16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .other: 0
    }
  }

  /// HDF5's identifier of the native type. It belongs to the library and must not be closed. Negative for `other`.
  var native: hid_t {
    switch self {
    case .uint8: phd_native_uint8()
    case .uint16: phd_native_uint16()
    case .uint32: phd_native_uint32()
    case .uint64: phd_native_uint64()
    case .int32: phd_native_int32()
    case .int64: phd_native_int64()
    case .float32: phd_native_float()
    case .float64: phd_native_double()
    case .other: -1
    }
  }

  /// The element type of the HDF5 type `type`.
  init(of type: hid_t) {
    switch phd_element_code(type) {
    case 8: self = .uint8
    case 16: self = .uint16
    case 32: self = .uint32
    case 64: self = .uint64
    case -32: self = .int32
    case -64: self = .int64
    case 1032: self = .float32
    case 1064: self = .float64
    default: self = .other
    }
  }

  /// A description of the HDF5 type `type` for a message: "uint16", "int8", "a string", "a compound".
  static func description(of type: hid_t) -> String {
    let known = HDF5ElementType(of: type)
    if known != .other { return known.rawValue }
    let bits = H5Tget_size(type) * 8
    switch H5Tget_class(type) {
    case H5T_INTEGER: return H5Tget_sign(type) == H5T_SGN_2 ? "int\(bits)" : "uint\(bits)"
    case H5T_FLOAT: return "float\(bits)"
    case H5T_STRING: return "a string"
    case H5T_COMPOUND: return "a compound"
    case H5T_ENUM: return "an enumeration"
    case H5T_VLEN: return "a variable-length sequence"
    case H5T_ARRAY: return "an array"
    default: return "an unknown type"
    }
  }
}

/// A Swift number type that datasets can be read into and written from.
public protocol HDF5Element: BitwiseCopyable {
  static var hdf5Type: HDF5ElementType { get }
}

extension UInt8: HDF5Element { public static var hdf5Type: HDF5ElementType { .uint8 } }
extension UInt16: HDF5Element { public static var hdf5Type: HDF5ElementType { .uint16 } }
extension UInt32: HDF5Element { public static var hdf5Type: HDF5ElementType { .uint32 } }
extension UInt64: HDF5Element { public static var hdf5Type: HDF5ElementType { .uint64 } }
extension Int32: HDF5Element { public static var hdf5Type: HDF5ElementType { .int32 } }
extension Int64: HDF5Element { public static var hdf5Type: HDF5ElementType { .int64 } }
extension Float: HDF5Element { public static var hdf5Type: HDF5ElementType { .float32 } }
extension Double: HDF5Element { public static var hdf5Type: HDF5ElementType { .float64 } }
