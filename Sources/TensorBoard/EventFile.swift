import Foundation
import Storage

/// A file that TensorBoard reads, as it grows: scalars of steps.
///
/// TensorBoard reads the event files of a folder one after another, in the order of their names. A run that goes on
/// writes another file, which begins by saying from which step on it replaces what the files before it hold; so a run
/// that was cut back is shown once.
public final class EventFile {
  private let file: AppendingFile

  /// Begins a new file in a folder, behind those that are there.
  ///
  /// - Parameters:
  ///   - step: the first step to come: what older files have of it and of later ones counts no longer.
  ///   - wallTime: seconds since 1970.
  /// - Throws: `StorageError.failed`.
  public init(in folder: String, from step: Int, wallTime: Double) throws {
    let last = try EventFile.names(in: folder).compactMap { EventFile.number(of: $0) }.max() ?? 0
    // The system's clock may have gone back since; the order of the names must not.
    let number = max(Int(wallTime), last + 1)
    let digits = String(number)
    let name = EventFile.prefix + String(repeating: "0", count: max(0, 10 - digits.count)) + digits + EventFile.suffix
    file = try AppendingFile("\(folder)/\(name)")
    try file.append(EventMessage.version(wallTime: wallTime) + EventMessage.start(step: step, wallTime: wallTime))
  }

  /// Goes on in a file that has its beginning.
  init(continuing file: AppendingFile) { self.file = file }

  public var path: String { file.path }

  /// Appends values of a step, by their tags: `training/loss`. TensorBoard's scalars are of single precision.
  ///
  /// - Throws: `StorageError.failed`.
  public func append(_ scalars: [(tag: String, value: Float)], step: Int, wallTime: Double) throws {
    if scalars.isEmpty { return }
    try append([(scalars, step, wallTime)])
  }

  /// Appends values of several steps at once.
  ///
  /// - Throws: `StorageError.failed`.
  public func append(_ steps: [(scalars: [(tag: String, value: Float)], step: Int, wallTime: Double)]) throws {
    try file.append(steps.flatMap { EventMessage.scalars($0.scalars, step: $0.step, wallTime: $0.wallTime) })
  }

  /// The names of a folder's event files, in the order in which they are read.
  ///
  /// - Throws: `StorageError.failed` where the folder cannot be listed.
  public static func names(in folder: String) throws -> [String] {
    try Folder.namesIfPresent(in: folder, invalidNames: .ignored).filter { $0.hasPrefix(prefix) }
  }

  /// Removes the event files that this program has left in a folder: those of a run that is begun anew.
  ///
  /// - Throws: `StorageError.failed`.
  public static func removeAll(in folder: String) throws {
    for name in try names(in: folder) where name.hasSuffix(suffix) && unlink("\(folder)/\(name)") != 0 {
      throw StorageError(.failed, "\(folder)/\(name)", "cannot be removed: \(String(cString: strerror(errno)))")
    }
  }

  private static let prefix = "events.out.tfevents."
  private static let suffix = ".phd"

  private static func number(of name: String) -> Int? { Int(name.dropFirst(prefix.count).prefix { $0 != "." }) }
}
