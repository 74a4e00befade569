// Runs a configuration like `phd-train`. Rank 0 prints the number of allocations of 64 KiB and more in the whole run,
// and the bytes that are allocated at its end. The tests compare runs of different lengths.
//
// allocation-checks CONFIG [KEY=VALUE …]

import AllocationCounter
import CMalloc
import Communication
import Foundation
import Training

let signals = try SignalWatch()
let communicator = try Communicator.initialize()
var options = RunOptions(configuration: CommandLine.arguments[1])
options.overrides = Array(CommandLine.arguments.dropFirst(2))
options.overwrite = true
do {
  let configuration = try RunSetup.configuration(options, communicator)
  let run = try TrainingRun(configuration, options, communicator, signals)
  _ = try run.run()
  // Keep the run alive while its memory is counted.
  withExtendedLifetime(run) {
    if communicator.isRoot { print("allocations \(phd_large_allocations()) \(phd_allocated_bytes())") }
  }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
try communicator.finalize()
