import CHDF5

/// An open HDF5 file.
///
/// The file is closed when the last reference to it or its datasets is released. Close a file that was written with
/// `close()`, which may be the first call to report a full disk. Every operation takes the library's lock, so files can
/// be used from any thread.
public final class HDF5File: @unchecked Sendable {
  /// The path for messages.
  public let path: String
  /// The path that was opened: `path`, or `/proc/self/fd/N`.
  let openedPath: String
  /// Negative once closed. Guarded by the library's lock.
  private var identifier: hid_t
  let isWritable: Bool
  /// Whether it was opened through the stdio driver, so that it shares no cache with another open handle. It then has no
  /// descriptor.
  private let isIsolated: Bool

  private init(path: String, openedPath: String, identifier: hid_t, isWritable: Bool, isIsolated: Bool = false) {
    self.path = path
    self.openedPath = openedPath
    self.identifier = identifier
    self.isWritable = isWritable
    self.isIsolated = isIsolated
  }

  deinit {
    let identifier = identifier
    if identifier >= 0 { try? HDF5Library.locked { _ = H5Fclose(identifier) } }
  }

  /// Opens a file for reading. Ignores file locks.
  ///
  /// - Throws: `StorageError`: `.missing`; `.damaged` if it is not an HDF5 file or was cut short; `.failed` if the system
  ///   does not allow reading it.
  public static func open(_ path: String) throws -> HDF5File {
    try open(path, reportedAs: path, isIsolated: false)
  }

  /// - Parameter isIsolated: whether to share no caches with other handles of the same file.
  private static func open(_ openedPath: String, reportedAs path: String, isIsolated: Bool) throws -> HDF5File {
    do {
      // This opens the file too, so that a failure is reported with the system's reason instead of HDF5's.
      _ = try FileStatus.ofContent(openedPath)
    } catch var error as StorageError {
      error.path = path
      throw error
    }
    return try HDF5Library.locked {
      let access = try fileAccess(path)
      if isIsolated && phd_use_stdio(access.raw) < 0 {
        throw HDF5Library.failure(.failed, path, "the HDF5 library has no memory")
      }
      let identifier = phd_open_for_reading(openedPath, access.raw)
      guard identifier >= 0 else {
        throw HDF5Library.failure(.damaged, path, "is not an HDF5 file, or was cut short")
      }
      return HDF5File(
        path: path, openedPath: openedPath, identifier: identifier, isWritable: false, isIsolated: isIsolated)
    }
  }

  /// The status of the open file, even if its path now names another file.
  ///
  /// - Throws: `StorageError.failed`.
  public func status() throws -> FileStatus {
    if isIsolated { return try FileStatus(openedPath) }
    return try withIdentifier { try FileStatus(descriptor: try descriptor($0), path) }
  }

  /// Opens the same file again without the caches of this handle, which may contain overwritten data. It is the same file
  /// even if its path now names another one. This handle must stay open.
  ///
  /// - Throws: the errors of `open`.
  public func reopened() throws -> HDF5File {
    precondition(!isIsolated, "a reopened file cannot be reopened")
    let number = try withIdentifier { try descriptor($0) }
    return try HDF5File.open("/proc/self/fd/\(number)", reportedAs: path, isIsolated: true)
  }

  private func descriptor(_ identifier: hid_t) throws -> Int32 {
    let descriptor = phd_descriptor(identifier)
    guard descriptor >= 0 else { throw HDF5Library.failure(.failed, path, "has no file descriptor") }
    return descriptor
  }

  /// Creates a file in the library's newest format, replacing an existing one.
  ///
  /// - Parameter userBlockBytes: the number of bytes reserved for the caller at the beginning of the file: 0 or a power of two
  ///   from 512 on.
  /// - Throws: `StorageError.failed`.
  public static func create(_ path: String, userBlockBytes: Int = 0) throws -> HDF5File {
    try HDF5Library.locked {
      let access = try fileAccess(path)
      let identifier = phd_create(path, hsize_t(userBlockBytes), access.raw)
      guard identifier >= 0 else {
        var error = HDF5Library.failure(.failed, path, "cannot be created")
        if error.kind == .missing {
          error = StorageError(.failed, path, "cannot be created: its folder does not exist")
        }
        throw error
      }
      return HDF5File(path: path, openedPath: path, identifier: identifier, isWritable: true)
    }
  }

  /// Flushes the file and closes it and its datasets. A second call does nothing.
  ///
  /// - Throws: `StorageError.failed` if the last bytes cannot be written; the file is closed nevertheless.
  public func close() throws {
    try HDF5Library.locked {
      guard identifier >= 0 else { return }
      let closing = identifier
      identifier = -1
      if isWritable && H5Fflush(closing, H5F_SCOPE_GLOBAL) < 0 {
        let error = HDF5Library.failure(.failed, path, "cannot be written")
        _ = H5Fclose(closing)
        throw error
      }
      guard H5Fclose(closing) >= 0 else {
        throw HDF5Library.failure(.failed, path, "cannot be closed")
      }
    }
  }

  private static func fileAccess(_ path: String) throws -> HDF5Identifier {
    try HDF5Library.identifier(
      phd_file_access(), closedBy: H5Pclose, orThrow: .failed, path, "the HDF5 library has no memory")
  }
}

extension HDF5File {
  /// Runs `body` with the file's identifier under the library's lock.
  func withIdentifier<Result: ~Copyable>(_ body: (hid_t) throws -> Result) throws -> Result {
    try HDF5Library.locked {
      guard identifier >= 0 else { throw StorageError(.failed, path, "is closed already") }
      return try body(identifier)
    }
  }
}

extension HDF5File {
  /// An entry of a group.
  public struct Child: Equatable, Sendable {
    public enum Kind: Sendable { case group, dataset, other }

    public var name: String
    public var kind: Kind
  }

  /// Whether there is a group or a dataset `name` ("tokens", "/model/lm_head.weight").
  ///
  /// - Throws: `StorageError`, `.damaged` if a link on the way is broken or leads to another file.
  public func exists(_ name: String) throws -> Bool {
    try resolve(name) != nil
  }

  /// The entries of a group, sorted by name.
  ///
  /// A broken link, or a link to another file, is listed as `.other`; opening it throws an error that names it.
  ///
  /// - Throws: `StorageError`, `.damaged` if the group does not exist or is not a group.
  public func children(of group: String = "/") throws -> [Child] {
    try withIdentifier { file in
      let unreadable = "there is no group \(group) that can be read"
      guard let place = try resolve(group) else { throw StorageError(.damaged, path, unreadable) }
      let opened = try HDF5Library.identifier(
        H5Gopen2(file, place, phd_default_properties()), closedBy: H5Gclose, orThrow: .damaged, path, unreadable)
      var information = H5G_info_t()
      guard H5Gget_info(opened.raw, &information) >= 0 else {
        throw HDF5Library.failure(.damaged, path, "the group \(group) cannot be read")
      }
      var children: [Child] = []
      for index in 0..<information.nlinks {
        let name = try HDF5Library.name(path, "the group \(group) cannot be read") { buffer, size in
          H5Lget_name_by_idx(
            opened.raw, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, phd_default_properties())
        }
        let kind = try? resolve("\(group)/\(name)").map { phd_object_kind(file, $0) }
        children.append(Child(name: name, kind: kind == 0 ? .group : kind == 1 ? .dataset : .other))
      }
      return children.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
  }
}

extension HDF5Library {
  /// Reads a name from HDF5: `read` is called once without a buffer for the length and once with a buffer for the name.
  static func name(
    _ path: String, _ action: String, _ read: (UnsafeMutablePointer<CChar>?, Int) -> Int
  ) throws -> String {
    let length = read(nil, 0)
    guard length >= 0 else { throw failure(.damaged, path, action) }
    guard length < 1 << 16 else { throw StorageError(.damaged, path, "\(action): a name of \(length) bytes") }
    return try withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 1) { text in
      guard let start = text.baseAddress, read(start, length + 1) >= 0 else { throw failure(.damaged, path, action) }
      return String(cString: start)
    }
  }
}
