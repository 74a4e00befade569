import Communication
import Foundation
import Training

/// Runs what works under mpirun: every rank does `body`, and rank 0 alone reports an error that all share.
func underMPI(_ body: (Communicator) throws -> Void) throws {
  let communicator: Communicator
  do {
    try RunSetup.requireProcessor()
    communicator = try Communicator.initialize()
  } catch {
    Foundation.exit(ErrorReport.report(error, isSaid: Communicator.isToReport(error)))
  }
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

/// Warns, on rank 0, where `mpirun` keeps processors from the ranks without having been told to. Collective.
///
/// - Parameter threads: of each rank, where the user has chosen their number.
func warnOfBinding(threads: Int?, _ communicator: Communicator) throws {
  if let warning = try Binding.warning(threads: threads, communicator), communicator.isRoot {
    ErrorReport.print(toStandardError: "phd: warning: \(warning)")
  }
}
