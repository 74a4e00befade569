import Foundation

/// Atomic writing: a file has its final name only when it is complete.
public enum WholeFile {
  /// The suffix of a file that is being written. A killed writer leaves such a file; the next writer of the same file
  /// overwrites it.
  public static let unfinishedSuffix = ".partial"

  /// Lets `body` write a file under a temporary name in the same folder, syncs it, renames it to `path`, replacing any file
  /// there, and syncs the folder. If anything fails, the old file is unchanged and the new one is removed.
  ///
  /// - Parameter body: fills the empty file at the given path, or replaces it.
  /// - Throws: `StorageError.failed`, also if another process is writing the same file or `path` is a folder or a device;
  ///   what `body` throws.
  public static func write<Result>(to path: String, _ body: (_ temporaryPath: String) throws -> Result) throws -> Result
  {
    if let status = try? FileStatus(path), !status.isRegularFile {
      throw StorageError(.failed, path, "is \(status.isFolder ? "a folder" : "not a regular file"); name a file")
    }
    let target = try resolvingLinks(path)
    let temporaryPath = target + unfinishedSuffix
    let lock = open(temporaryPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else { throw unwritable(path, errno) }
    defer { _ = close(lock) }
    // File systems without locks return another error, which is ignored.
    if flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
      throw StorageError(.failed, path, "is being written by another process; wait for it, or stop it")
    }
    do {
      // Removes the content that a killed writer left.
      guard ftruncate(lock, 0) == 0 else { throw unwritable(path, errno) }
      let result = try body(temporaryPath)
      try sync(temporaryPath, reportedAs: path)
      guard rename(temporaryPath, target) == 0 else { throw unwritable(path, errno) }
      try sync(folder(of: target), reportedAs: path)
      return result
    } catch {
      _ = unlink(temporaryPath)
      guard var failure = error as? StorageError, failure.path == temporaryPath else { throw error }
      failure.path = path
      throw failure
    }
  }

  /// Checks, before the work, that a file can be written at `path`. An existing file is not changed.
  ///
  /// - Throws: `StorageError.failed`.
  public static func requireWritable(_ path: String) throws {
    struct Abandoned: Error {}
    do {
      try write(to: path) { _ in throw Abandoned() }
    } catch is Abandoned {}
  }

  /// Writes bytes to a file atomically.
  ///
  /// - Throws: `StorageError.failed`.
  public static func write(_ bytes: some Collection<UInt8>, to path: String) throws {
    try write(to: path) { temporaryPath in
      let descriptor = open(temporaryPath, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw unwritable(path, errno) }
      defer { _ = close(descriptor) }
      try Array(bytes).withUnsafeBytes { try writeAll($0, to: descriptor, at: 0, path) }
    }
  }

  /// Writes all bytes at a position of an open file.
  static func writeAll(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int, _ path: String
  ) throws {
    var written = 0
    while written < bytes.count {
      let remainder = UnsafeRawBufferPointer(rebasing: bytes[written...])
      let count = pwrite(descriptor, remainder.baseAddress, remainder.count, off_t(offset + written))
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw unwritable(path, errno)
      }
    }
  }

  /// Flushes a file, or the entries of a folder, to the disk.
  static func sync(_ path: String, reportedAs name: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unwritable(name, errno) }
    defer { _ = close(descriptor) }
    // Some network file systems cannot sync folders and return EINVAL.
    if fsync(descriptor) != 0 && errno != EINVAL { throw unwritable(name, errno) }
  }

  /// The target of a symbolic link, so that the target is replaced and the link is kept.
  private static func resolvingLinks(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    if let target = String(validatingCString: resolved) { return target }
    var status = stat()
    // Only the name of the working directory may be invalid UTF-8; then `path` can be used unchanged.
    if lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFLNK { return path }
    throw StorageError(.failed, path, "cannot be written: the path that it links to is not UTF-8; rename the target")
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func unwritable(_ path: String, _ number: Int32) -> StorageError {
    if number == ENOENT || number == ENOTDIR {
      return StorageError(.failed, path, "cannot be written: its folder does not exist; create it first")
    }
    return StorageError.system(path, "cannot be written", errno: number)
  }
}
