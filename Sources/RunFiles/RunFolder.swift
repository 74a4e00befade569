import Foundation
import Storage
import TensorBoard

/// A run's folder: `<checkpoint.directory>/<name>/`.
public struct RunFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var log: String { path + "/log.jsonl" }
  public var configuration: String { path + "/config.json" }

  /// The path of a step's checkpoint.
  public func checkpoint(step: Int) -> String {
    let digits = String(step)
    return "\(path)/step-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits).h5"
  }

  /// Creates the folder and the folders above it.
  ///
  /// - Throws: `StorageError.failed`.
  public func create() throws {
    var made = path.hasPrefix("/") ? "" : "."
    for component in path.split(separator: "/") {
      made += "/" + component
      // Another run may be creating the same folder.
      if mkdir(made, 0o777) != 0 && errno != EEXIST { throw RunFolder.unwritable(path, errno) }
    }
    guard try FileStatus(path).isFolder else { throw RunFolder.unwritable(path, ENOTDIR) }
    guard access(path, W_OK | X_OK) == 0 else { throw RunFolder.unwritable(path, errno) }
  }

  /// Whether the folder has a log or checkpoints.
  ///
  /// - Throws: `StorageError.failed`.
  public func isInUse() throws -> Bool { try FileStatus.exists(log) || !steps().isEmpty }

  /// The steps that have a checkpoint, newest first; empty if the folder does not exist.
  ///
  /// - Throws: `StorageError.failed` if the folder cannot be listed, because it may not be empty.
  public func steps() throws -> [Int] {
    try Folder.namesIfPresent(in: path, invalidNames: .ignored).compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".h5") else { return nil }
      let digits = name.dropFirst(5).dropLast(3)
      guard digits.count >= 8, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
      return Int(digits)
    }.sorted(by: >)
  }

  /// The newest valid checkpoint. Calls `skipped` with the error of each newer one that is damaged.
  ///
  /// - Throws: `StorageError.failed` if one cannot be opened or read: it may be valid, so it must not be skipped.
  public func newestValid(skipped: (StorageError) -> Void) throws -> Checkpoint? {
    for step in try steps() {
      let path = checkpoint(step: step)
      do {
        guard try FileStatus(path).isRegularFile else { throw StorageError(.failed, path, "is not a regular file") }
        let checkpoint = try Checkpoint(verifying: path)
        guard checkpoint.isSealed, checkpoint.step == step, try checkpoint.holdsTrainingState() else {
          throw StorageError(.damaged, path, "is not a checkpoint that a run wrote for step \(step)")
        }
        return checkpoint
      } catch let error as StorageError where error.kind != .damaged {
        throw StorageError(
          .failed, path,
          "\(error.message); the checkpoint itself may be intact: make it readable, or resume from another one with "
            + "--resume FILE")
      } catch let error as StorageError {
        skipped(error)
      } catch {
        skipped(StorageError(.damaged, path, "\(error)"))
      }
    }
    return nil
  }

  /// Removes all checkpoints except the newest `count`. Steps for which `isKept` is true are neither removed nor
  /// counted. Ignores errors.
  public func keepNewest(_ count: Int, sparing isKept: (_ step: Int) -> Bool = { _ in false }) {
    // If the folder cannot be listed, the next checkpoint tries again.
    for step in ((try? steps()) ?? []).filter({ !isKept($0) }).dropFirst(count) { unlink(checkpoint(step: step)) }
  }

  /// Removes the temporary files of saves that were killed.
  ///
  /// - Throws: `StorageError.failed` if the folder cannot be listed.
  public func removeUnfinished() throws {
    let names = try Folder.namesIfPresent(in: path, invalidNames: .ignored)
    for name in names where name.hasSuffix(WholeFile.unfinishedSuffix) {
      unlink("\(path)/\(name)")
    }
  }

  /// Renames the checkpoints of later steps to unused names. A run that resumes from `step` must neither resume from
  /// them later nor count them among the newest.
  ///
  /// - Parameter resumed: the file given by `--resume FILE`. If the folder has a different file for the same step, that
  ///   file is renamed too.
  /// - Returns: the new paths.
  /// - Throws: `StorageError`.
  public func setAside(after step: Int, resuming resumed: String? = nil) throws -> [String] {
    let own = checkpoint(step: step)
    var isReplaced = false
    if let resumed, try FileStatus.exists(own) {
      isReplaced = try !FileStatus(own).isSameFile(as: FileStatus(resumed))
    }
    return try steps().filter { $0 > step || $0 == step && isReplaced }.map {
      try Folder.setAside(checkpoint(step: $0), suffix: ".passed-over")
    }
  }

  /// Removes the checkpoints, log and configuration of an earlier run of this name.
  ///
  /// - Parameter spared: files to keep because the new run starts from them.
  /// - Throws: `StorageError.failed`.
  public func clear(sparing spared: [String] = []) throws {
    let kept = Set(spared.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath() })
    let checkpoints = try steps().map { checkpoint(step: $0) }
    let old =
      checkpoints.filter { !kept.contains(URL(fileURLWithPath: $0).resolvingSymlinksInPath()) } + [log, configuration]
    for path in old where try FileStatus.exists(path) {
      guard unlink(path) == 0 else { throw RunFolder.unwritable(path, errno) }
    }
    try EventFile.removeAll(in: self.path)
  }

  private static func unwritable(_ path: String, _ code: Int32) -> StorageError {
    StorageError(.failed, path, "cannot be written: \(String(cString: strerror(code)))")
  }
}
