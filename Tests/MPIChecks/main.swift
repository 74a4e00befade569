import Communication
import Foundation

// One process a rank, many small checks: starting MPI costs more than all of them. Run by CommunicationTests, under
// mpirun with several numbers of ranks. The modes after the first are for tests of launching and of signals.

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
