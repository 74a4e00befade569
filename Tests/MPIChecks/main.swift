import Communication
import Foundation

// Checks of the module Communication that need several ranks. CommunicationTests runs this program under mpirun with
// different numbers of ranks. All checks are in one program, because starting MPI takes longer than all of them
// together.
//
// Without arguments it runs the checks and exits with 1 if one failed. The other modes are for tests of launching and
// signals.

do {
  let communicator = try Communicator.initialize()
  let status: Int32
  let arguments = Array(CommandLine.arguments.dropFirst())
  switch arguments.first {
  case nil:
    let checks = Checks(communicator)
    try checkCollectives(checks)
    try checkAgreement(checks)
    try checkGradientReduction(checks)
    status = try checks.finish()
  case "time":
    try timeGradientReduction(communicator, count: arguments.dropFirst().first.flatMap { Int($0) } ?? 1 << 24)
    status = 0
  case "abort":
    if communicator.rank == communicator.size - 1 { communicator.abort(status: .brokenNumbers) }
    while true { sleep(1) }
  case "wait-for-signal":
    status = try waitForSignal(communicator, stops: true)
  case "ignore-signals":
    status = try waitForSignal(communicator, stops: false)
  default:
    let usage = "usage: mpi-checks [time [FLOATS] | abort | wait-for-signal | ignore-signals]\n"
    FileHandle.standardError.write(Data(usage.utf8))
    status = 64
  }
  try communicator.finalize()
  exit(status)
} catch {
  FileHandle.standardError.write(Data("mpi-checks: \(error)\n".utf8))
  exit(70)
}
