import Foundation
import Synchronization

/// The limit on open files of this process, including sockets.
public enum OpenFiles {
  /// The largest limit that is requested. Above it, software that iterates over all descriptors is slow.
  private static let largestLimit = 1 << 20
  /// Files that a run opens in addition to its corpora: log, lock, checkpoint, event files, tokenizers.
  private static let spare = 16
  /// The number of reserved sockets, open or not.
  private static let sockets = Atomic<Int>(0)

  /// Raises the soft limit to the hard limit. Called once at the start of a program.
  ///
  /// The soft limit is usually 1024, for programs that call `select`, which this one does not.
  public static func raiseLimit() {
    let wanted = min(ResourceLimit.openFiles.hard ?? largestLimit, largestLimit)
    if let soft = ResourceLimit.openFiles.soft, soft < wanted { _ = ResourceLimit.openFiles.setSoft(wanted) }
  }

  /// The maximum number of open files.
  public static var limit: Int { ResourceLimit.openFiles.soft ?? .max }

  /// Reserves `count` sockets, which a library opens when it first needs them.
  ///
  /// - Parameter others: the number of other files that the library opens now.
  /// - Throws: `ResourceError` if the limit is too low for these and the other files of a run.
  public static func reserve(sockets count: Int, for purpose: String, andOthers others: Int) throws(ResourceError) {
    sockets.store(count, ordering: .relaxed)
    try require(others, for: purpose)
  }

  /// Checks that `count` more files can be opened.
  ///
  /// - Parameter purpose: what needs them, with their number, for the message.
  /// - Throws: `ResourceError` if the limit is too low.
  public static func require(_ count: Int, for purpose: String) throws(ResourceError) {
    let limit = limit
    let (open, openSockets) = inUse
    let outstanding = max(0, sockets.load(ordering: .relaxed) - openSockets)
    let others = outstanding + count + spare
    guard others > limit - open else { return }
    throw ResourceError(
      "\(ResourceError.text(of: EMFILE)): \(purpose); with the files already open that makes \(open + others), "
        + "and the limit is \(limit) (ulimit -Hn): raise the limit as root, or in the settings of the container or service"
    )
  }

  /// The number of open files, and the number of sockets among them.
  private static var inUse: (files: Int, sockets: Int) {
    guard let folder = opendir("/proc/self/fd") else {
      // Unknown without /proc; or there is no free descriptor to read it.
      return (errno == EMFILE || errno == ENFILE ? limit : 0, 0)
    }
    defer { closedir(folder) }
    var (files, sockets) = (0, 0)
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      var status = stat()
      guard let number = Int32(name), number != dirfd(folder), fstat(number, &status) == 0 else { continue }
      files += 1
      if status.st_mode & S_IFMT == S_IFSOCK { sockets += 1 }
    }
    return (files, sockets)
  }
}
