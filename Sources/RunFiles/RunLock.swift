import Foundation
import Storage

/// A file lock that allows one job per run folder. The system releases it when the process ends.
public final class RunLock {
  private let descriptor: Int32

  /// Waits for the lock and acquires it, because ranks of a killed job may outlive it by a second.
  ///
  /// - Throws: `StorageError.failed` with the holder if the lock is not free within `seconds`, or if the folder cannot
  ///   be written.
  public init(folder: String, waiting seconds: Double = 10) throws {
    let path = folder + "/.lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw StorageError(.failed, path, "cannot be written: \(String(cString: strerror(errno)))")
    }
    let deadline = ContinuousClock.now + .seconds(seconds)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { break }
      guard ContinuousClock.now < deadline else {
        let holder = RunLock.holder(descriptor)
        close(descriptor)
        throw StorageError(
          .failed, folder, "is in use by another job\(holder); stop it, or give this run another name")
      }
      usleep(100_000)
    }
    // On a file system without locks, users must avoid a second job themselves.
    self.descriptor = descriptor
    let started = Date.now.formatted(.iso8601)
    let text = "process \(getpid()) on \(ProcessInfo.processInfo.hostName), since \(started)\n"
    ftruncate(descriptor, 0)
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
  }

  deinit { close(descriptor) }

  private static func holder(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 200)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return "" }
    let text = String(decoding: bytes.prefix(count), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? "" : " (\(text))"
  }
}
