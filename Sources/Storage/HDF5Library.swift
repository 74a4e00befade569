import CHDF5
import Foundation

/// The door to the HDF5 library: one thread at a time, its errors turned into ours.
enum HDF5Library {
  /// HDF5 is not to be relied on with two threads in it (its thread-safe build is an option of whoever built it). The
  /// lock is recursive because a handle may be let go, and so closed, inside a locked body.
  private static let lock = NSRecursiveLock()
  private static let isStarted = phd_start_library() >= 0

  /// Runs `body` alone in the library, with HDF5's own printing of errors turned off.
  static func locked<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
    lock.lock()
    defer { lock.unlock() }
    guard isStarted else {
      throw StorageError(.failed, "libhdf5", "the HDF5 library does not start: reinstall it (libhdf5-dev)")
    }
    // Each thread has an error stack, and so a printing habit, of its own where the library is built thread-safe.
    _ = phd_silence_errors()
    return try body()
  }

  /// The error of the HDF5 call that has just failed while doing `action`: `.failed` with the system's own reason where
  /// a system call failed, otherwise `kind`. What the system did not let us read is not damaged.
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

  /// An identifier as HDF5 returned it, or the error that its being negative stands for.
  static func identifier(
    _ raw: hid_t, closedBy close: @escaping @convention(c) (hid_t) -> herr_t,
    orThrow kind: StorageError.Kind, _ path: String, _ action: String
  ) throws -> HDF5Identifier {
    guard raw >= 0 else { throw failure(kind, path, action) }
    return HDF5Identifier(raw: raw, close: close)
  }
}

/// An HDF5 identifier with one owner, closed when the owner lets go.
struct HDF5Identifier: ~Copyable {
  let raw: hid_t
  let close: @convention(c) (hid_t) -> herr_t

  deinit {
    let (raw, close) = (raw, close)
    try? HDF5Library.locked { _ = close(raw) }
  }
}
