import CHDF5
import Foundation

extension HDF5File {
  /// The number of bytes of a dataset written under one lock, so that reading threads do not wait long.
  private static var blockBytes: Int { 16 << 20 }

  /// Writes a whole contiguous dataset. Creates missing groups on its path.
  ///
  /// - Parameters:
  ///   - name: the dataset's path, such as "model/lm_head.weight". It must not exist yet.
  ///   - shape: the size of each dimension, row-major; its product is the number of elements.
  /// - Throws: `StorageError.failed`.
  public func write<Element: HDF5Element>(
    _ name: String, shape: [Int], from elements: UnsafeBufferPointer<Element>
  ) throws {
    precondition(shape.reduce(1, *) == elements.count, "\(name): \(elements.count) elements for the shape \(shape)")
    let dataset = try withIdentifier { file in
      let space = try simpleSpace(shape)
      let creation = try HDF5Library.identifier(
        phd_contiguous_creation(), closedBy: H5Pclose, orThrow: .failed, path, "the HDF5 library has no memory")
      return try newDataset(name, file, Element.hdf5Type, space.raw, creation.raw)
    }
    if elements.isEmpty { return }
    let rows = shape.first ?? 1
    let rowElements = elements.count / rows
    let rowsAtOnce = max(1, HDF5File.blockBytes / (rowElements * MemoryLayout<Element>.stride))
    for first in stride(from: 0, to: rows, by: rowsAtOnce) {
      // Without the pause, this thread would take the lock again before waiting threads.
      if first > 0 { usleep(20) }
      let range = first..<min(first + rowsAtOnce, rows)
      let part = UnsafeBufferPointer(
        rebasing: elements[range.lowerBound * rowElements..<range.upperBound * rowElements])
      try withIdentifier { _ in try write(part, rows: range, of: shape, to: dataset.raw, name) }
    }
  }

  /// Writes rows of an open dataset.
  private func write<Element: HDF5Element>(
    _ elements: UnsafeBufferPointer<Element>, rows: Range<Int>, of shape: [Int], to dataset: hid_t, _ name: String
  ) throws {
    let target = try simpleSpace(shape)
    let source = try simpleSpace(shape.isEmpty ? [] : [rows.count] + shape.dropFirst())
    if rows.count < shape.first ?? 1 {
      let start = [hsize_t(rows.lowerBound)] + shape.dropFirst().map { _ in 0 }
      let counts = [hsize_t(rows.count)] + shape.dropFirst().map { hsize_t($0) }
      guard H5Sselect_hyperslab(target.raw, H5S_SELECT_SET, start, nil, counts, nil) >= 0 else {
        throw HDF5Library.failure(.failed, path, "the dataset \(name) cannot be written")
      }
    }
    let status = H5Dwrite(
      dataset, Element.hdf5Type.native, source.raw, target.raw, phd_default_properties(), elements.baseAddress)
    guard status >= 0 else { throw HDF5Library.failure(.failed, path, "the dataset \(name) cannot be written") }
  }

  private func simpleSpace(_ shape: [Int]) throws -> HDF5Identifier {
    try HDF5Library.identifier(
      H5Screate_simple(Int32(shape.count), shape.map { hsize_t($0) }, nil), closedBy: H5Sclose,
      orThrow: .failed, path, "the HDF5 library has no memory")
  }

  /// Writes a whole one-dimensional dataset. Throws `StorageError.failed`.
  public func write<Element: HDF5Element>(_ name: String, _ elements: [Element]) throws {
    try elements.withUnsafeBufferPointer { try write(name, shape: [elements.count], from: $0) }
  }

  /// Creates an empty one-dimensional dataset that can be appended to.
  ///
  /// - Parameter chunkElements: the number of elements in a chunk of the file. Appending multiples of it is fastest.
  /// - Throws: `StorageError.failed`.
  public func makeExtendable<Element: HDF5Element>(
    _ name: String, storing type: HDF5ElementType, of: Element.Type, chunkElements: Int
  ) throws -> ExtendableDataset<Element> {
    precondition(type != .other && chunkElements > 0)
    return try withIdentifier { file in
      var (size, limit) = (hsize_t(0), phd_unlimited())
      let space = try HDF5Library.identifier(
        H5Screate_simple(1, &size, &limit), closedBy: H5Sclose,
        orThrow: .failed, path, "the dataset \(name) cannot be created")
      let creation = try HDF5Library.identifier(
        phd_chunked_creation(hsize_t(chunkElements)), closedBy: H5Pclose,
        orThrow: .failed, path, "the HDF5 library has no memory")
      let dataset = try newDataset(name, file, type, space.raw, creation.raw)
      return ExtendableDataset(file: self, name: name, identifier: dataset)
    }
  }

  private func newDataset(
    _ name: String, _ file: hid_t, _ type: HDF5ElementType, _ space: hid_t, _ creation: hid_t
  ) throws -> HDF5Identifier {
    try makeGroups(of: name, file)
    return try HDF5Library.identifier(
      H5Dcreate2(file, name, type.native, space, phd_default_properties(), creation, phd_default_properties()),
      closedBy: H5Dclose, orThrow: .failed, path, "the dataset \(name) cannot be created")
  }

  /// Creates the missing groups on the path of a dataset.
  private func makeGroups(of name: String, _ file: hid_t) throws {
    var walked = ""
    for part in name.split(separator: "/").dropLast() {
      walked += "/" + part
      if H5Lexists(file, walked, phd_default_properties()) > 0 { continue }
      _ = try HDF5Library.identifier(
        phd_create_group(file, walked), closedBy: H5Gclose, orThrow: .failed, path,
        "the group \(walked) cannot be created")
    }
  }
}

/// A one-dimensional dataset that can be appended to.
public final class ExtendableDataset<Element: HDF5Element> {
  private let file: HDF5File
  private let name: String
  private let identifier: HDF5Identifier
  /// The number of elements.
  public private(set) var count = 0

  init(file: HDF5File, name: String, identifier: consuming HDF5Identifier) {
    self.file = file
    self.name = name
    self.identifier = identifier
  }

  /// Appends the elements, converted to the stored type.
  ///
  /// - Throws: `StorageError.failed`.
  public func append(_ elements: UnsafeBufferPointer<Element>) throws {
    guard !elements.isEmpty else { return }
    try file.withIdentifier { _ in
      var (start, added, total) = (hsize_t(count), hsize_t(elements.count), hsize_t(count + elements.count))
      guard H5Dset_extent(identifier.raw, &total) >= 0 else { throw unwritable() }
      let target = try HDF5Library.identifier(
        H5Dget_space(identifier.raw), closedBy: H5Sclose,
        orThrow: .failed, file.path, "the dataset \(name) cannot be written")
      let source = try HDF5Library.identifier(
        H5Screate_simple(1, &added, nil), closedBy: H5Sclose,
        orThrow: .failed, file.path, "the HDF5 library has no memory")
      guard H5Sselect_hyperslab(target.raw, H5S_SELECT_SET, &start, nil, &added, nil) >= 0,
        H5Dwrite(
          identifier.raw, Element.hdf5Type.native, source.raw, target.raw, phd_default_properties(),
          elements.baseAddress) >= 0
      else { throw unwritable() }
      count += elements.count
    }
  }

  private func unwritable() -> StorageError {
    HDF5Library.failure(.failed, file.path, "the dataset \(name) cannot be written")
  }
}
