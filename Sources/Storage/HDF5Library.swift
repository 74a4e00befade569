import CHDF5
import Foundation

/// Access to the HDF5 library: one thread at a time, with its errors as ``StorageError``.
enum HDF5Library {
  /// HDF5 is thread-safe only if it was built with that option. The lock is recursive because a handle may be released, and
  /// so closed, within a locked body.
  private static let lock = NSRecursiveLock()
  private static let isStarted = phd_start_library() >= 0

  /// Runs `body` under the lock, with HDF5's printing of errors turned off.
  static func locked<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
    lock.lock()
    defer { lock.unlock() }
    guard isStarted else {
      throw StorageError(.failed, "libhdf5", "the HDF5 library does not start: reinstall it (libhdf5-dev)")
    }
    // In a thread-safe build each thread has its own setting.
    _ = phd_silence_errors()
    return try body()
  }

  /// The error of the last HDF5 call, which failed to do `action`: `.failed` with the system's reason if a system call
  /// failed, because a file that cannot be read need not be damaged; otherwise `kind`.
  static func failure(_ kind: StorageError.Kind, _ path: String, _ action: String) -> StorageError {
    let (number, detail) = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
      guard let start = text.baseAddress else { return (Int32(0), "") }
      let number = phd_last_error(start, text.count)
      return (number, String(cString: start))
    }
    if number != 0 {
      return StorageError.system(path, kind == .damaged ? "cannot be read" : action, errno: number)
    }
    return StorageError(kind, path, detail.isEmpty ? action : "\(action) (HDF5: \(detail))")
  }

  /// An owner for an identifier that HDF5 returned. Throws if it is negative.
  static func identifier(
    _ raw: hid_t, closedBy close: @escaping @convention(c) (hid_t) -> herr_t,
    orThrow kind: StorageError.Kind, _ path: String, _ action: String
  ) throws -> HDF5Identifier {
    guard raw >= 0 else { throw failure(kind, path, action) }
    return HDF5Identifier(raw: raw, close: close)
  }
}

/// An HDF5 identifier with a unique owner, closed when the owner is destroyed.
struct HDF5Identifier: ~Copyable {
  let raw: hid_t
  let close: @convention(c) (hid_t) -> herr_t

  deinit {
    let (raw, close) = (raw, close)
    try? HDF5Library.locked { _ = close(raw) }
  }
}
