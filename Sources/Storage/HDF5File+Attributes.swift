import CHDF5

/// Attributes of the file (`of: "/"`), of a group or of a dataset.
///
/// Reading a missing attribute returns nil. Reading one of another type, or of several elements, throws
/// `StorageError.damaged`.
extension HDF5File {
  /// The names of the object's attributes, sorted.
  public func attributeNames(of object: String = "/") throws -> [String] {
    try withObject(object) { opened in
      let count = phd_attribute_count(opened)
      guard count >= 0 else { throw HDF5Library.failure(.damaged, path, "the attributes of \(object) cannot be read") }
      var names: [String] = []
      for index in 0..<count {
        names.append(
          try HDF5Library.name(path, "the attributes of \(object) cannot be read") { buffer, size in
            H5Aget_name_by_idx(
              opened, ".", H5_INDEX_NAME, H5_ITER_INC, hsize_t(index), buffer, size, phd_default_properties())
          })
      }
      return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
  }

  /// A string of fixed or variable length.
  public func stringAttribute(_ name: String, of object: String = "/") throws -> String? {
    try withAttribute(name, of: object) { attribute, type in
      guard H5Tget_class(type) == H5T_STRING else { throw wrongType(name, object, type, expected: "a string") }
      let bytes =
        try H5Tis_variable_str(type) > 0
        ? variableLengthBytes(attribute, name) : fixedLengthBytes(attribute, type, name)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw StorageError(.damaged, path, "the attribute \(name) of \(object) is not UTF-8 text")
      }
      return text
    }
  }

  /// An integer of any stored width that fits in `Value`.
  public func integerAttribute<Value: FixedWidthInteger>(
    _ name: String, of object: String = "/", as: Value.Type = Int.self
  ) throws -> Value? {
    try withAttribute(name, of: object) { attribute, type in
      guard H5Tget_class(type) == H5T_INTEGER else { throw wrongType(name, object, type, expected: "an integer") }
      let value: Value?
      let status: herr_t
      if H5Tget_sign(type) == H5T_SGN_2 {
        var signed: Int64 = 0
        status = H5Aread(attribute, phd_native_int64(), &signed)
        value = Value(exactly: signed)
      } else {
        var unsigned: UInt64 = 0
        status = H5Aread(attribute, phd_native_uint64(), &unsigned)
        value = Value(exactly: unsigned)
      }
      guard status >= 0 else { throw unreadable(name, object) }
      guard let value else {
        throw StorageError(.damaged, path, "the attribute \(name) of \(object) is out of range for \(Value.self)")
      }
      return value
    }
  }

  /// A floating-point number, or an integer converted to one.
  public func doubleAttribute(_ name: String, of object: String = "/") throws -> Double? {
    try withAttribute(name, of: object) { attribute, type in
      guard [H5T_FLOAT, H5T_INTEGER].contains(H5Tget_class(type)) else {
        throw wrongType(name, object, type, expected: "a number")
      }
      var value = 0.0
      guard H5Aread(attribute, phd_native_double(), &value) >= 0 else { throw unreadable(name, object) }
      return value
    }
  }

  /// Runs `body` with the attribute and its stored type; returns nil if there is no such attribute.
  private func withAttribute<Result>(
    _ name: String, of object: String, _ body: (hid_t, hid_t) throws -> Result
  ) throws -> Result? {
    try withObject(object) { opened in
      let exists = H5Aexists(opened, name)
      guard exists >= 0 else { throw unreadable(name, object) }
      guard exists > 0 else { return nil }
      let attribute = try HDF5Library.identifier(
        H5Aopen(opened, name, phd_default_properties()), closedBy: H5Aclose,
        orThrow: .damaged, path, "the attribute \(name) of \(object) cannot be read")
      let type = try HDF5Library.identifier(
        H5Aget_type(attribute.raw), closedBy: H5Tclose,
        orThrow: .damaged, path, "the attribute \(name) of \(object) cannot be read")
      let space = try HDF5Library.identifier(
        H5Aget_space(attribute.raw), closedBy: H5Sclose,
        orThrow: .damaged, path, "the attribute \(name) of \(object) cannot be read")
      let count = H5Sget_simple_extent_npoints(space.raw)
      guard count == 1 else {
        throw StorageError(.damaged, path, "the attribute \(name) of \(object) has \(count) elements, expected 1")
      }
      return try body(attribute.raw, type.raw)
    }
  }

  private func fixedLengthBytes(_ attribute: hid_t, _ type: hid_t, _ name: String) throws -> [UInt8] {
    // The size of the type may be wrong; the bytes of the attribute are in the file and limit it.
    let size = H5Tget_size(type)
    guard size > 0, H5Aget_storage_size(attribute) == size, size <= 1 << 30 else {
      throw StorageError(.damaged, path, "the attribute \(name) declares \(size) bytes, but does not have them")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    guard H5Aread(attribute, type, &bytes) >= 0 else { throw unreadable(name, "/") }
    switch H5Tget_strpad(type) {
    case H5T_STR_NULLTERM:
      return Array(bytes.prefix { $0 != 0 })
    case H5T_STR_SPACEPAD:
      let kept = bytes.lastIndex { $0 != UInt8(ascii: " ") }.map { $0 + 1 } ?? 0
      return Array(bytes[..<kept])
    default:
      let kept = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
      return Array(bytes[..<kept])
    }
  }

  private func variableLengthBytes(_ attribute: hid_t, _ name: String) throws -> [UInt8] {
    var reference = [UInt8](repeating: 0, count: 16)
    guard H5Aget_storage_size(attribute) == 16, phd_read_string_reference(attribute, &reference) >= 0 else {
      throw unreadable(name, "/")
    }
    let base = try withIdentifier { phd_base_address($0) }
    guard base >= 0, let bytes = try GlobalHeap(path: openedPath, baseAddress: Int(base)).bytes(at: reference) else {
      throw StorageError(.damaged, path, "the attribute \(name) points to a missing text: the file was changed")
    }
    return Array(bytes.prefix { $0 != 0 })
  }
}

extension HDF5File {
  /// Writes a UTF-8 string of fixed length, because HDF5 stores variable-length strings without a checksum.
  ///
  /// - Throws: `StorageError.failed`.
  public func setAttribute(_ name: String, of object: String = "/", to text: String) throws {
    var bytes = Array(text.utf8)
    if bytes.isEmpty { bytes = [0] }  // HDF5 has no strings of length 0; a padding byte reads back as an empty string.
    try withObject(object) { opened in
      let type = try HDF5Library.identifier(
        H5Tcopy(phd_c_string()), closedBy: H5Tclose, orThrow: .failed, path, "the HDF5 library has no memory")
      guard H5Tset_size(type.raw, bytes.count) >= 0, H5Tset_cset(type.raw, H5T_CSET_UTF8) >= 0,
        H5Tset_strpad(type.raw, H5T_STR_NULLPAD) >= 0
      else { throw unwritable(name, object) }
      try bytes.withUnsafeBytes { try writeAttribute(name, object, opened, type.raw, $0) }
    }
  }

  /// Writes an integer as a signed 64-bit one. Throws `StorageError.failed`.
  public func setAttribute(_ name: String, of object: String = "/", to value: Int) throws {
    try setNumber(name, object, Int64(value))
  }

  /// Writes a 64-bit integer. Throws `StorageError.failed`.
  public func setAttribute(_ name: String, of object: String = "/", to value: Int64) throws {
    try setNumber(name, object, value)
  }

  /// Writes an unsigned 64-bit integer. Throws `StorageError.failed`.
  public func setAttribute(_ name: String, of object: String = "/", to value: UInt64) throws {
    try setNumber(name, object, value)
  }

  /// Writes a floating-point number. Throws `StorageError.failed`.
  public func setAttribute(_ name: String, of object: String = "/", to value: Double) throws {
    try setNumber(name, object, value)
  }

  private func setNumber<Value: HDF5Element>(_ name: String, _ object: String, _ value: Value) throws {
    try withObject(object) { opened in
      try withUnsafeBytes(of: value) { try writeAttribute(name, object, opened, Value.hdf5Type.native, $0) }
    }
  }

  /// Writes one element of `type`, replacing an attribute of that name.
  private func writeAttribute(
    _ name: String, _ object: String, _ opened: hid_t, _ type: hid_t, _ bytes: UnsafeRawBufferPointer
  ) throws {
    if H5Aexists(opened, name) > 0, H5Adelete(opened, name) < 0 { throw unwritable(name, object) }
    let space = try HDF5Library.identifier(
      H5Screate(H5S_SCALAR), closedBy: H5Sclose, orThrow: .failed, path, "the HDF5 library has no memory")
    let attribute = try HDF5Library.identifier(
      H5Acreate2(opened, name, type, space.raw, phd_default_properties(), phd_default_properties()),
      closedBy: H5Aclose, orThrow: .failed, path, "the attribute \(name) of \(object) cannot be written")
    guard H5Awrite(attribute.raw, type, bytes.baseAddress) >= 0 else { throw unwritable(name, object) }
  }

  private func withObject<Result>(_ object: String, _ body: (hid_t) throws -> Result) throws -> Result {
    try withIdentifier { file in
      let unreadable = "there is no \(object) that can be read"
      guard let place = try resolve(object) else { throw StorageError(.damaged, path, unreadable) }
      let opened = try HDF5Library.identifier(
        H5Oopen(file, place, phd_default_properties()), closedBy: H5Oclose, orThrow: .damaged, path, unreadable)
      return try body(opened.raw)
    }
  }

  private func unreadable(_ name: String, _ object: String) -> StorageError {
    HDF5Library.failure(.damaged, path, "the attribute \(name) of \(object) cannot be read")
  }

  private func unwritable(_ name: String, _ object: String) -> StorageError {
    HDF5Library.failure(.failed, path, "the attribute \(name) of \(object) cannot be written")
  }

  private func wrongType(_ name: String, _ object: String, _ type: hid_t, expected: String) -> StorageError {
    StorageError(
      .damaged, path,
      "the attribute \(name) of \(object) is \(HDF5ElementType.description(of: type)), expected \(expected)")
  }
}
