import CHDF5
import Foundation

/// Where a dataset's elements lie, and whether they are all there.
///
/// HDF5 reads what is missing as zeros and reports no error: a chunk or a dataset that was never written, a source of a
/// virtual dataset, external storage, bytes behind the file's end. So every dataset is checked when it is opened, and
/// what lies in other files is refused: readers look at one file's size, seal and changes.
enum HDF5Layout {
  /// Refuses virtual datasets and external storage.
  ///
  /// - Throws: `StorageError.damaged`, naming the other files, and those of them that are missing.
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
        "the dataset \(name) \(kind): its elements lie in \(listed(files, beside: path)), and HDF5 reads what is "
          + "missing there as zeros. Copy it into one file while all of that is there: "
          + "h5repack -l \(name.drop { $0 == "/" }):CONTI \(path) COPY.h5")
    }
  }

  /// How many names of other files a message lists.
  private static let mostListed = 8

  /// The names for a message, each once, those of missing files first.
  private static func listed(_ names: [String], beside path: String) -> String {
    var known: Set<String> = []
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var (missing, others): ([String], [String]) = ([], [])
    for name in names where known.insert(name).inserted {
      // A name with %b in it stands for any number of files.
      if name == "." {
        others.append("this file")
      } else if name.contains("%b") || [name, "\(folder)/\(name)"].contains(where: { (try? FileStatus($0)) != nil }) {
        others.append(name)
      } else {
        missing.append("\(name) (which is missing)")
      }
    }
    let words = missing + others
    if words.isEmpty { return "no file at all" }
    let more = words.count - mostListed
    return words.prefix(mostListed).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  /// Makes sure that the file has all of a dataset's bytes, of what was written as of what it claims.
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
        // Its bytes lie in the object's header, which HDF5 has read.
        case H5D_COMPACT: true
        default: throw unreadable(dataset.name, dataset.path)
        }
      guard isStored else {
        throw StorageError(
          .damaged, dataset.path,
          "the dataset \(dataset.name) was not written in full: its writer was interrupted; make the file again")
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
      // No more chunks than elements, so the product fits as the elements' does.
      expected *= Int((hsize_t(size) - 1) / length + 1)
    }
    let stored = phd_stored_chunks(dataset.identifier.raw)
    guard stored >= 0 else { throw unreadable(dataset.name, dataset.path) }
    return stored == expected
  }

  /// Of a contiguous dataset; somebody may believe a damaged header and allocate for it.
  private static func hasAllBytes(_ dataset: HDF5Dataset) throws -> Bool {
    let offset = H5Dget_offset(dataset.identifier.raw)
    if offset == phd_no_address() { return false }
    let size = try dataset.file.status().size
    let elementBytes = max(1, dataset.elementType.byteCount)
    let (bytes, overflow) = dataset.elementCount.multipliedReportingOverflow(by: elementBytes)
    guard !overflow, offset <= size, bytes <= size - Int(offset) else {
      throw StorageError(
        .damaged, dataset.path,
        "the dataset \(dataset.name) claims \(dataset.elementCount) elements of \(dataset.typeDescription) at byte "
          + "\(offset), the file has \(size) bytes: it was cut short or changed")
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
