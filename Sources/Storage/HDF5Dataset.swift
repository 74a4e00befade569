import CHDF5

/// A dataset of an open file: its shape, its type and its elements.
public final class HDF5Dataset: @unchecked Sendable {
  /// Keeps the file open.
  public let file: HDF5File
  public let name: String
  /// The size of each dimension; empty for a scalar.
  public let shape: [Int]
  public let elementType: HDF5ElementType
  /// The stored type for messages, such as "uint16" or "a string".
  public let typeDescription: String
  /// The product of the shape.
  public let elementCount: Int
  /// Use it only while holding the library's lock.
  let identifier: HDF5Identifier

  public var path: String { file.path }

  /// - Throws: `StorageError.damaged` if the dataset does not exist, is stored in other files, declares more bytes than the
  ///   file has, or was not written completely.
  init(_ name: String, in file: HDF5File) throws {
    self.file = file
    self.name = name
    let path = file.path
    let identifier = try file.withIdentifier { opened in
      let absent = "there is no dataset \(name) that can be read"
      guard let place = try file.resolve(name) else { throw StorageError(.damaged, path, absent) }
      return try HDF5Library.identifier(
        H5Dopen2(opened, place, phd_default_properties()), closedBy: H5Dclose, orThrow: .damaged, path, absent)
    }
    // First of all, because HDF5 opens the sources of a virtual dataset to determine its shape.
    try HDF5Layout.requireOneFile(identifier.raw, name, path)
    (shape, elementType, typeDescription) = try HDF5Library.locked {
      let unreadable = "the dataset \(name) cannot be read"
      let type = try HDF5Library.identifier(
        H5Dget_type(identifier.raw), closedBy: H5Tclose, orThrow: .damaged, path, unreadable)
      let space = try HDF5Library.identifier(
        H5Dget_space(identifier.raw), closedBy: H5Sclose, orThrow: .damaged, path, unreadable)
      let rank = H5Sget_simple_extent_ndims(space.raw)
      guard rank >= 0, H5Sget_simple_extent_type(space.raw) != H5S_NULL else {
        throw StorageError(.damaged, path, "the dataset \(name) has no elements")
      }
      var sizes = [hsize_t](repeating: 0, count: Int(rank))
      guard H5Sget_simple_extent_dims(space.raw, &sizes, nil) >= 0 else {
        throw HDF5Library.failure(.damaged, path, unreadable)
      }
      let shape = try sizes.map { size in
        guard let size = Int(exactly: size) else {
          throw StorageError(.damaged, path, "the dataset \(name) declares \(size) elements")
        }
        return size
      }
      return (shape, HDF5ElementType(of: type.raw), HDF5ElementType.description(of: type.raw))
    }
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { throw StorageError(.damaged, path, "the dataset \(name) declares the shape \(shape)") }
      count = product
    }
    elementCount = count
    self.identifier = identifier
    if !file.isWritable { try HDF5Layout.requireAllBytes(of: self) }
  }
}

extension HDF5Dataset {
  /// Reads all elements, converted to `Element`, in row-major order.
  ///
  /// HDF5 converts a number that does not fit to the nearest one that does.
  ///
  /// - Parameter buffer: exactly `elementCount` elements.
  /// - Throws: `StorageError`, `.damaged` if the counts differ or the content cannot be read.
  public func read<Element: HDF5Element>(into buffer: UnsafeMutableBufferPointer<Element>) throws {
    guard buffer.count == elementCount else {
      throw StorageError(.damaged, path, "the dataset \(name) has \(elementCount) elements, expected \(buffer.count)")
    }
    try requireNumbers()
    guard elementCount > 0 else { return }
    try file.withIdentifier { _ in
      let status = H5Dread(
        identifier.raw, Element.hdf5Type.native, phd_whole_space(), phd_whole_space(), phd_default_properties(),
        buffer.baseAddress)
      guard status >= 0 else { throw unreadable() }
    }
  }

  /// Reads the elements `offset..<offset + buffer.count` of a one-dimensional dataset, converted to `Element`.
  ///
  /// - Throws: `StorageError`, `.damaged` if the range is outside the dataset or cannot be read.
  public func read<Element: HDF5Element>(from offset: Int, into buffer: UnsafeMutableBufferPointer<Element>) throws {
    guard shape.count == 1, offset >= 0, buffer.count <= elementCount, offset <= elementCount - buffer.count else {
      throw StorageError(
        .damaged, path, "the dataset \(name) of shape \(shape) has no \(buffer.count) elements from \(offset) on")
    }
    try read(rows: offset..<offset + buffer.count, into: buffer)
  }

  /// Reads a range of the first dimension, in row-major order, converted to `Element`.
  ///
  /// - Throws: `StorageError`, `.damaged` if the range is outside the dataset or cannot be read.
  public func read<Element: HDF5Element>(
    rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<Element>
  ) throws {
    guard let height = shape.first, rows.lowerBound >= 0, rows.upperBound <= height,
      buffer.count == rows.count * (elementCount / max(1, height))
    else {
      throw StorageError(
        .damaged, path, "the dataset \(name) of shape \(shape) has no \(buffer.count) elements in \(rows)")
    }
    try requireNumbers()
    guard buffer.count > 0 else { return }
    try file.withIdentifier { _ in
      let start = [hsize_t(rows.lowerBound)] + shape.dropFirst().map { _ in 0 }
      let count = [hsize_t(rows.count)] + shape.dropFirst().map { hsize_t($0) }
      let source = try HDF5Library.identifier(
        H5Dget_space(identifier.raw), closedBy: H5Sclose,
        orThrow: .damaged, path, "the dataset \(name) cannot be read")
      let target = try HDF5Library.identifier(
        H5Screate_simple(Int32(count.count), count, nil), closedBy: H5Sclose,
        orThrow: .failed, path, "the HDF5 library has no memory")
      guard H5Sselect_hyperslab(source.raw, H5S_SELECT_SET, start, nil, count, nil) >= 0,
        H5Dread(
          identifier.raw, Element.hdf5Type.native, target.raw, source.raw, phd_default_properties(),
          buffer.baseAddress) >= 0
      else { throw unreadable() }
    }
  }

  /// Reads all elements into a new array.
  ///
  /// - Throws: `StorageError`.
  public func array<Element: HDF5Element>(of: Element.Type = Element.self) throws -> [Element] {
    try [Element](unsafeUninitializedCapacity: elementCount) { buffer, initialized in
      try read(into: UnsafeMutableBufferPointer(rebasing: buffer[..<elementCount]))
      initialized = elementCount
    }
  }

  private func unreadable() -> StorageError {
    HDF5Library.failure(.damaged, path, "the dataset \(name) cannot be read")
  }

  private func requireNumbers() throws {
    guard elementType != .other else {
      throw StorageError(.damaged, path, "the dataset \(name) holds \(typeDescription), expected numbers")
    }
  }
}

extension HDF5File {
  /// Opens the dataset `name` ("/tokens", "model/lm_head.weight").
  ///
  /// - Throws: `StorageError.damaged` if the dataset does not exist, is stored in other files, declares more bytes than the
  ///   file has, or was not written completely.
  public func dataset(_ name: String) throws -> HDF5Dataset {
    try HDF5Dataset(name, in: self)
  }
}
