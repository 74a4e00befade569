import Communication
import Foundation
import Training

/// Runs what works under mpirun: every rank does `body`, and rank 0 alone reports an error that all share.
func underMPI(_ body: (Communicator) throws -> Void) throws {
  try ErrorReport.requireProcessor()
  let communicator = try Communicator.initialize()
  communicator.statusOfError = { ExitStatus.of($0) ?? ExitStatus.brokenNumbers.rawValue }
  do {
    try body(communicator)
    try communicator.finalize()
  } catch let error as CommunicationError {
    // The ranks can't agree any more: whoever notices says so and ends the job.
    ErrorReport.print(toStandardError: "phd: \(error)")
    communicator.abort(status: error.exitStatus)
  } catch {
    // Said before any rank can end: mpirun kills the others as soon as one has ended with an error.
    let status = ErrorReport.report(error, isSaid: communicator.isRoot)
    try communicator.finalize()
    Foundation.exit(status)
  }
}
