import Foundation
import Storage
import TensorBoard

/// A run's folder: `<checkpoint.directory>/<name>/`.
public struct RunFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var log: String { path + "/log.jsonl" }
  public var configuration: String { path + "/config.json" }

  /// The name of the checkpoint of a step.
  public func checkpoint(step: Int) -> String {
    let digits = String(step)
    return "\(path)/step-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits).h5"
  }

  /// Makes the folder.
  ///
  /// - Throws: `StorageError.failed`.
  public func create() throws {
    var made = path.hasPrefix("/") ? "" : "."
    for component in path.split(separator: "/") {
      made += "/" + component
      // Another run may be making the same folder.
      if mkdir(made, 0o777) != 0 && errno != EEXIST { throw RunFolder.unwritable(path, errno) }
    }
    guard (try? FileStatus(path).isFolder) == true else { throw RunFolder.unwritable(path, ENOTDIR) }
    guard access(path, W_OK | X_OK) == 0 else { throw RunFolder.unwritable(path, errno) }
  }

  /// The steps that have a checkpoint, newest first. A folder that is not there has none.
  public func steps() -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".h5") else { return nil }
      let digits = name.dropFirst(5).dropLast(3)
      guard digits.count >= 8, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
      return Int(digits)
    }.sorted(by: >)
  }

  /// The newest checkpoint that is whole; `passed` hears of each newer one that is not, and why.
  public func newestValid(passed: (StorageError) -> Void) -> Checkpoint? {
    for step in steps() {
      let path = checkpoint(step: step)
      do {
        let checkpoint = try Checkpoint(verifying: path)
        guard checkpoint.isSealed, checkpoint.step == step, try checkpoint.holdsTrainingState() else {
          throw StorageError(.damaged, path, "is not a checkpoint that a run wrote for step \(step)")
        }
        return checkpoint
      } catch let error as StorageError {
        passed(error)
      } catch {
        passed(StorageError(.damaged, path, "\(error)"))
      }
    }
    return nil
  }

  /// Removes all checkpoints but the newest `count`, and those of steps that stay for ever, which are not counted.
  public func keepNewest(_ count: Int, sparing isKept: (_ step: Int) -> Bool = { _ in false }) {
    for step in steps().filter({ !isKept($0) }).dropFirst(count) {
      try? FileManager.default.removeItem(atPath: checkpoint(step: step))
    }
  }

  /// Removes what saves that were killed have left.
  public func removeUnfinished() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    for name in names where name.hasSuffix(WholeFile.unfinishedSuffix) { unlink("\(path)/\(name)") }
  }

  /// Gives the checkpoints of later steps another name: a run that goes on from `step` has left them behind, and they
  /// must neither be resumed from nor push its own out.
  public func setAside(after step: Int) -> [String] {
    steps().filter { $0 > step }.compactMap { later in
      let path = checkpoint(step: later)
      return rename(path, path + ".passed-over") == 0 ? path + ".passed-over" : nil
    }
  }

  /// Removes what an earlier run of this name has left.
  ///
  /// - Parameter spared: checkpoints that stay, where they are the run's: the new one begins with them.
  /// - Throws: `StorageError.failed`.
  public func clear(sparing spared: [String] = []) throws {
    let kept = Set(spared.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath() })
    let checkpoints = steps().map { checkpoint(step: $0) }
    let old =
      checkpoints.filter { !kept.contains(URL(fileURLWithPath: $0).resolvingSymlinksInPath()) } + [log, configuration]
    for path in old where FileStatus.exists(path) {
      guard unlink(path) == 0 else { throw RunFolder.unwritable(path, errno) }
    }
    try EventFile.removeAll(in: self.path)
  }

  private static func unwritable(_ path: String, _ code: Int32) -> StorageError {
    StorageError(.failed, path, "cannot be written: \(String(cString: strerror(code)))")
  }
}
