import Foundation
import JSON
import Storage

/// Hands a run's records to TensorBoard while they are written: `log.tensorboard`.
///
/// The files are for looking at. A run must not end for them: the first that cannot be written ends the writing.
public final class TensorBoardWriter {
  private var file: EventFile?

  /// Begins a file in a run's folder, from the step after `step` on; at step 0 the files of an earlier run go.
  ///
  /// - Throws: `StorageError.failed`.
  public init(folder: String, continuingFrom step: Int) throws {
    if step == 0 { try EventFile.removeAll(in: folder) }
    file = try EventFile(in: folder, from: step + 1, wallTime: Date.now.timeIntervalSince1970)
  }

  init(_ file: EventFile) { self.file = file }

  /// Appends the numbers of a record.
  ///
  /// - Returns: what to warn of, once, where that failed: nothing is written from then on.
  public func append(_ event: String, _ fields: JSONValue) -> String? {
    guard let open = file, let step = fields["step"]?.integer else { return nil }
    do {
      let now = Date.now.timeIntervalSince1970
      try open.append(LogScalars.of(event, fields), step: step, wallTime: now)
      return nil
    } catch {
      file = nil
      return "\(error); nothing more is written for TensorBoard: phd log export makes it from the loss log"
    }
  }
}
