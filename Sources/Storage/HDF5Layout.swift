import CHDF5
import Foundation

/// Checks that all elements of a dataset are stored in its file.
///
/// HDF5 reads missing data as zeros without an error: unwritten chunks and datasets, missing sources of virtual datasets,
/// external storage, bytes after the end of the file. So every dataset is checked when it is opened. Data in other files
/// is refused, because the size, the seal and the changes of only one file are checked.
enum HDF5Layout {
  /// Refuses virtual datasets and external storage.
  ///
  /// - Throws: `StorageError.damaged` with the names of the other files, and which of them are missing.
  static func requireOneFile(_ dataset: hid_t, _ name: String, _ path: String) throws {
    try HDF5Library.locked {
      let properties = try creationProperties(of: dataset, name, path)
      var (kind, files) = ("", [String]())
      if H5Pget_layout(properties.raw) == H5D_VIRTUAL {
        kind = "is virtual"
        var count = 0
        guard H5Pget_virtual_count(properties.raw, &count) >= 0 else { throw unreadable(name, path) }
        for index in 0..<count {
          files.append(
            try HDF5Library.name(path, "the sources of \(name) cannot be read") { buffer, size in
              H5Pget_virtual_filename(properties.raw, index, buffer, size)
            })
        }
      } else {
        let count = H5Pget_external_count(properties.raw)
        guard count != 0 else { return }
        kind = "has external storage"
        var buffer = [CChar](repeating: 0, count: 4096)
        for index in 0..<UInt32(max(0, count)) {
          guard H5Pget_external(properties.raw, index, buffer.count - 1, &buffer, nil, nil) >= 0 else {
            throw unreadable(name, path)
          }
          files.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
      }
      throw StorageError(
        .damaged, path,
        "the dataset \(name) \(kind): its elements are stored in \(listed(files, nextTo: path)), and HDF5 reads missing "
          + "ones as zeros. Copy it into one file while all of them exist: "
          + "h5repack -l \(name.drop { $0 == "/" }):CONTI \(path) COPY.h5")
    }
  }

  /// The maximum number of file names in a message.
  private static let maximumListed = 8

  /// The distinct names for a message, missing files first.
  private static func listed(_ names: [String], nextTo path: String) -> String {
    var known: Set<String> = []
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var (missing, others): ([String], [String]) = ([], [])
    for name in names where known.insert(name).inserted {
      // A name with %b is a pattern for any number of files.
      if name == "." {
        others.append("this file")
      } else if name.contains("%b") || [name, "\(folder)/\(name)"].contains(where: { (try? FileStatus($0)) != nil }) {
        others.append(name)
      } else {
        missing.append("\(name) (which is missing)")
      }
    }
    let all = missing + others
    if all.isEmpty { return "no file at all" }
    let more = all.count - maximumListed
    return all.prefix(maximumListed).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  /// Checks that the file has all bytes that a dataset declares, and that they were written.
  ///
  /// - Throws: `StorageError.damaged`.
  static func requireAllBytes(of dataset: HDF5Dataset) throws {
    try HDF5Library.locked {
      if dataset.elementCount == 0 { return }
      let properties = try creationProperties(of: dataset.identifier.raw, dataset.name, dataset.path)
      let isStored =
        switch H5Pget_layout(properties.raw) {
        case H5D_CHUNKED: try hasAllChunks(dataset, properties.raw)
        case H5D_CONTIGUOUS: try hasAllBytes(dataset)
        // The bytes are in the object's header, which HDF5 has read.
        case H5D_COMPACT: true
        default: throw unreadable(dataset.name, dataset.path)
        }
      guard isStored else {
        throw StorageError(
          .damaged, dataset.path,
          "the dataset \(dataset.name) was not written completely: its writer was interrupted; create the file again")
      }
    }
  }

  private static func hasAllChunks(_ dataset: HDF5Dataset, _ properties: hid_t) throws -> Bool {
    let shape = dataset.shape
    var chunk = [hsize_t](repeating: 0, count: shape.count)
    guard H5Pget_chunk(properties, Int32(shape.count), &chunk) == shape.count, chunk.allSatisfy({ $0 > 0 }) else {
      throw unreadable(dataset.name, dataset.path)
    }
    var expected = 1
    for (size, length) in zip(shape, chunk) {
      // Does not overflow, because there are at most as many chunks as elements.
      expected *= Int((hsize_t(size) - 1) / length + 1)
    }
    let stored = phd_stored_chunks(dataset.identifier.raw)
    guard stored >= 0 else { throw unreadable(dataset.name, dataset.path) }
    return stored == expected
  }

  /// Checks a contiguous dataset before anything is allocated for the size in a possibly damaged header.
  private static func hasAllBytes(_ dataset: HDF5Dataset) throws -> Bool {
    let offset = H5Dget_offset(dataset.identifier.raw)
    if offset == phd_no_address() { return false }
    let size = try dataset.file.status().size
    let elementBytes = max(1, dataset.elementType.byteCount)
    let (bytes, overflow) = dataset.elementCount.multipliedReportingOverflow(by: elementBytes)
    guard !overflow, offset <= size, bytes <= size - Int(offset) else {
      throw StorageError(
        .damaged, dataset.path,
        "the dataset \(dataset.name) declares \(dataset.elementCount) elements of \(dataset.typeDescription) at byte "
          + "\(offset), but the file has \(size) bytes: it was cut short or changed")
    }
    return true
  }

  private static func creationProperties(of dataset: hid_t, _ name: String, _ path: String) throws -> HDF5Identifier {
    try HDF5Library.identifier(
      H5Dget_create_plist(dataset), closedBy: H5Pclose,
      orThrow: .damaged, path, "the dataset \(name) cannot be read")
  }

  private static func unreadable(_ name: String, _ path: String) -> StorageError {
    HDF5Library.failure(.damaged, path, "the dataset \(name) cannot be read")
  }
}
