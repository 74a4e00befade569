import Foundation
import JSON
import Storage

/// Writes a run's records to event files of TensorBoard during the run (`log.tensorboard`).
///
/// The files are optional. If a record cannot be written, the writer stops and the run continues.
public final class TensorBoardWriter {
  private var file: EventFile?

  /// Creates a file in a run's folder for the steps after `step`. If `step` is 0, removes the files of an earlier run.
  ///
  /// - Throws: `StorageError.failed`.
  public init(folder: String, continuingFrom step: Int) throws {
    if step == 0 { try EventFile.removeAll(in: folder) }
    file = try EventFile(in: folder, from: step + 1, wallTime: Date.now.timeIntervalSince1970)
  }

  init(_ file: EventFile) { self.file = file }

  /// Appends the numbers of a record.
  ///
  /// - Returns: a warning if the record cannot be written; nothing is written after that.
  public func append(_ event: String, _ fields: JSONValue) -> String? {
    guard let open = file, let step = fields["step"]?.integer else { return nil }
    do {
      let now = Date.now.timeIntervalSince1970
      try open.append(LogScalars.of(event, fields), step: step, wallTime: now)
      return nil
    } catch {
      file = nil
      return "\(error); TensorBoard's event file ends here: use phd log export to make one from the log"
    }
  }
}
