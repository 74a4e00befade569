import Foundation

/// Files that are whole wherever they have their right name.
public enum WholeFile {
  /// What is appended to the name of a file being written. A killed writer leaves such a file; the next one for the
  /// same name writes over it.
  public static let unfinishedSuffix = ".partial"

  /// Has `body` write a file under another name in the same folder, syncs it, gives it its right name in place of
  /// whatever had it, and syncs the folder. Where anything fails, what was there is untouched and the new file is gone.
  ///
  /// - Parameter body: fills the file at the path that it is given, which is empty, or makes another there.
  /// - Throws: `StorageError.failed`, also where another process is writing the same file or the name is that of a
  ///   folder or a device; what `body` throws.
  public static func write<Result>(to path: String, _ body: (_ temporaryPath: String) throws -> Result) throws -> Result
  {
    if let status = try? FileStatus(path), !status.isRegularFile {
      throw StorageError(.failed, path, "is \(status.isFolder ? "a folder" : "no regular file"); name a file")
    }
    let target = try resolvingLinks(path)
    let temporaryPath = target + unfinishedSuffix
    let lock = open(temporaryPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else { throw unwritable(path, errno) }
    defer { _ = close(lock) }
    // File systems without locks answer something else, and go without.
    if flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
      throw StorageError(.failed, path, "is being written by another process; wait for it, or stop it")
    }
    do {
      // What a killed writer left.
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

  /// Makes sure, before the work, that a file can be written there. What has the name stays as it is.
  ///
  /// - Throws: `StorageError.failed`.
  public static func requireWritable(_ path: String) throws {
    struct Abandoned: Error {}
    do {
      try write(to: path) { _ in throw Abandoned() }
    } catch is Abandoned {}
  }

  /// Writes these bytes as a whole file.
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

  /// Has a file, or a folder's list of files, on the disk.
  static func sync(_ path: String, reportedAs name: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unwritable(name, errno) }
    defer { _ = close(descriptor) }
    // Some network file systems have no sync for folders and say EINVAL.
    if fsync(descriptor) != 0 && errno != EINVAL { throw unwritable(name, errno) }
  }

  /// The file that a symbolic link stands for, so that the file is replaced and the link stays.
  private static func resolvingLinks(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    if let target = String(validatingCString: resolved) { return target }
    var status = stat()
    // The working directory's name may be what is not UTF-8, and then the path does as it is.
    if lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFLNK { return path }
    throw StorageError(.failed, path, "cannot be written: the path that it links to is not UTF-8; rename that")
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func unwritable(_ path: String, _ number: Int32) -> StorageError {
    if number == ENOENT || number == ENOTDIR {
      return StorageError(.failed, path, "cannot be written: its folder does not exist; make it first")
    }
    return StorageError.system(path, "cannot be written", errno: number)
  }
}
