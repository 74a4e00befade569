// Runs a configuration as `phd-train` does and prints, for rank 0, how many allocations of 64 KiB and more the whole run
// made, and how many bytes are allocated at its end: two runs of different lengths are to be compared.
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
  // What the longest-lived objects hold is still held.
  withExtendedLifetime(run) {
    if communicator.isRoot { print("allocations \(phd_large_allocations()) \(phd_allocated_bytes())") }
  }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
try communicator.finalize()
