import Foundation
import Storage

/// Writes scalars to an event file of TensorBoard.
///
/// TensorBoard reads the event files of a folder in the order of their names. A run that resumes writes a new file. Its
/// first record contains the step from which it replaces the values in earlier files, so repeated steps are shown once.
public final class EventFile {
  private let file: AppendingFile

  /// Creates a new file in a folder, whose name sorts after the existing event files.
  ///
  /// - Parameters:
  ///   - step: the first step of this file. TensorBoard ignores values of this and later steps in older files.
  ///   - wallTime: seconds since 1970.
  /// - Throws: `StorageError.failed`.
  public init(in folder: String, from step: Int, wallTime: Double) throws {
    let last = try EventFile.names(in: folder).compactMap { EventFile.number(of: $0) }.max() ?? 0
    // The names stay in order even if the system's clock has been set back.
    let number = max(Int(wallTime), last + 1)
    let digits = String(number)
    let name = EventFile.prefix + String(repeating: "0", count: max(0, 10 - digits.count)) + digits + EventFile.suffix
    file = try AppendingFile("\(folder)/\(name)")
    try file.append(EventMessage.version(wallTime: wallTime) + EventMessage.start(step: step, wallTime: wallTime))
  }

  /// Appends to a file that already has its first records.
  init(continuing file: AppendingFile) { self.file = file }

  public var path: String { file.path }

  /// Appends a step's values by tag (`training/loss`). TensorBoard's scalars have single precision.
  ///
  /// - Throws: `StorageError.failed`.
  public func append(_ scalars: [(tag: String, value: Float)], step: Int, wallTime: Double) throws {
    if scalars.isEmpty { return }
    try append([(scalars, step, wallTime)])
  }

  /// Appends the values of several steps.
  ///
  /// - Throws: `StorageError.failed`.
  public func append(_ steps: [(scalars: [(tag: String, value: Float)], step: Int, wallTime: Double)]) throws {
    try file.append(steps.flatMap { EventMessage.scalars($0.scalars, step: $0.step, wallTime: $0.wallTime) })
  }

  /// The names of a folder's event files, in the order in which TensorBoard reads them.
  ///
  /// - Throws: `StorageError.failed` if the folder cannot be listed.
  public static func names(in folder: String) throws -> [String] {
    try Folder.namesIfPresent(in: folder, invalidNames: .ignored).filter { $0.hasPrefix(prefix) }
  }

  /// Removes this program's event files from a folder, for a run that starts over.
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
