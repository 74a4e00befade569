import CHDF5

/// An open HDF5 file.
///
/// Closed when the last reference goes, datasets' references included. A file that was written is closed with `close()`,
/// which is where a full disk may first be noticed. Every operation takes the library's lock, so files may be used from
/// any thread.
public final class HDF5File: @unchecked Sendable {
  /// As messages name it.
  public let path: String
  /// The path that was opened: `path`, or `/proc/self/fd/N`.
  let openedPath: String
  /// Negative once closed. Guarded by the library's lock.
  private var identifier: hid_t
  let isWritable: Bool
  /// Opened through the stdio driver, so that it shares no cache with another open handle; has no descriptor.
  private let isOnItsOwn: Bool

  private init(path: String, openedPath: String, identifier: hid_t, isWritable: Bool, isOnItsOwn: Bool = false) {
    self.path = path
    self.openedPath = openedPath
    self.identifier = identifier
    self.isWritable = isWritable
    self.isOnItsOwn = isOnItsOwn
  }

  deinit {
    let identifier = identifier
    if identifier >= 0 { try? HDF5Library.locked { _ = H5Fclose(identifier) } }
  }

  /// Opens a file for reading, whatever locks others hold.
  ///
  /// - Throws: `StorageError`: `.missing`; `.damaged` for what is not an HDF5 file, or one cut short; `.failed` where
  ///   the system does not let it be read.
  public static func open(_ path: String) throws -> HDF5File {
    try open(path, reportedAs: path, onItsOwn: false)
  }

  /// - Parameter onItsOwn: whether to share nothing with the same file where it is open already, caches above all.
  private static func open(_ openedPath: String, reportedAs path: String, onItsOwn: Bool) throws -> HDF5File {
    do {
      // Opens the file, too: where that fails, the error has the system's own reason, not HDF5's.
      _ = try FileStatus.ofContent(openedPath)
    } catch var error as StorageError {
      error.path = path
      throw error
    }
    return try HDF5Library.locked {
      let access = try fileAccess(path)
      if onItsOwn && phd_use_stdio(access.raw) < 0 {
        throw HDF5Library.failure(.failed, path, "the HDF5 library has no memory")
      }
      let identifier = phd_open_for_reading(openedPath, access.raw)
      guard identifier >= 0 else {
        throw HDF5Library.failure(.damaged, path, "is not an HDF5 file, or was cut short")
      }
      return HDF5File(
        path: path, openedPath: openedPath, identifier: identifier, isWritable: false, isOnItsOwn: onItsOwn)
    }
  }

  /// The status of the open file, whatever has its name by now.
  ///
  /// - Throws: `StorageError.failed`.
  public func status() throws -> FileStatus {
    if isOnItsOwn { return try FileStatus(openedPath) }
    return try withIdentifier { try FileStatus(descriptor: try descriptor($0), path) }
  }

  /// The same open file once more, read anew from the disk: this one's caches may hold what has been overwritten since.
  /// It is the same file even if its name is another's by now. This one must stay open as long.
  ///
  /// - Throws: as `open`.
  public func reopened() throws -> HDF5File {
    precondition(!isOnItsOwn, "a file that was read anew already")
    let number = try withIdentifier { try descriptor($0) }
    return try HDF5File.open("/proc/self/fd/\(number)", reportedAs: path, onItsOwn: true)
  }

  private func descriptor(_ identifier: hid_t) throws -> Int32 {
    let descriptor = phd_descriptor(identifier)
    guard descriptor >= 0 else { throw HDF5Library.failure(.failed, path, "has no file descriptor") }
    return descriptor
  }

  /// Creates a file, in place of one that is there, in the format of the newest version that the library writes.
  ///
  /// - Parameter userBlockBytes: 0, or a power of two from 512 on: bytes at the file's beginning left to the caller.
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

  /// Writes out what is pending and closes the file and every dataset of it; a second call does nothing.
  ///
  /// - Throws: `StorageError.failed` where the last bytes cannot be written. The file is closed to us even then.
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
  /// Runs `body` with the file's identifier, alone in the library.
  func withIdentifier<Result: ~Copyable>(_ body: (hid_t) throws -> Result) throws -> Result {
    try HDF5Library.locked {
      guard identifier >= 0 else { throw StorageError(.failed, path, "is closed already") }
      return try body(identifier)
    }
  }
}

extension HDF5File {
  /// What a group holds.
  public struct Child: Equatable, Sendable {
    public enum Kind: Sendable { case group, dataset, other }

    public var name: String
    public var kind: Kind
  }

  /// Whether there is a group or a dataset called `name` ("tokens", "/model/lm_head.weight").
  ///
  /// - Throws: `StorageError`, `.damaged` where a link on the way leads nowhere or to another file.
  public func exists(_ name: String) throws -> Bool {
    try resolve(name) != nil
  }

  /// What the group `group` holds, sorted by name.
  ///
  /// A link that leads nowhere, or to another file, is listed as `.other`; to open it is an error that names it.
  ///
  /// - Throws: `StorageError`, `.damaged` where it is not there or is no group.
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
  /// A name as HDF5 hands names out: asked for once to learn its length, once more to have it.
  static func name(
    _ path: String, _ action: String, _ ask: (UnsafeMutablePointer<CChar>?, Int) -> Int
  ) throws -> String {
    let length = ask(nil, 0)
    guard length >= 0 else { throw failure(.damaged, path, action) }
    guard length < 1 << 16 else { throw StorageError(.damaged, path, "\(action): a name of \(length) bytes") }
    return try withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 1) { text in
      guard let start = text.baseAddress, ask(start, length + 1) >= 0 else { throw failure(.damaged, path, action) }
      return String(cString: start)
    }
  }
}
