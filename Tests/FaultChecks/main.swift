// Injects memory faults into a rank during training. Run it under mpirun:
//
// fault-checks ulp CONFIG RANK            changes one weight of one rank by one ulp after step 3, which still differs
//                                         after the next update; exits like the run
// fault-checks not-finite CONFIG RANK     sets one weight of one rank to NaN after step 3; exits like the run
// fault-checks passing CONFIG RANK        sets a weight to NaN for one step; only the update of that step may be skipped

import Communication
import Foundation
import Host
import Training
import Transformer

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 3, let faulty = Int(arguments[2]) else {
  FileHandle.standardError.write(Data("usage: fault-checks ulp|not-finite|passing CONFIG RANK [KEY=VALUE …]\n".utf8))
  exit(64)
}
let signals = try SignalWatch()
let communicator = try Communicator.initialize()
var options = RunOptions(configuration: arguments[1])
options.overrides = Array(arguments.dropFirst(3))
var status: Int32 = 0
do {
  let configuration = try RunSetup.configuration(options, communicator)
  if arguments[0] == "passing" {
    try checkTransientFault(configuration, on: faulty, communicator)
  } else {
    options.stopAfter = 3
    let run = try TrainingRun(configuration, options, communicator, signals)
    _ = try run.run()
    if communicator.rank == faulty {
      let weights = run.trainer.state.parameters.floats
      let weight = weightThatKeepsAnUlp(of: "model.layers.0.self_attn.k_proj.weight", run.trainer.state)
      weights[weight] = arguments[0] == "ulp" ? weights[weight].nextUp : .nan
    }
    run.options.stopAfter = nil
    status = try run.run().rawValue
  }
} catch {
  // Every rank prints the error, so that a rank that hangs is noticed.
  FileHandle.standardError.write(Data("rank \(communicator.rank): \(error)\n".utf8))
  status = ExitStatus.of(error).rawValue
}
try communicator.finalize()
exit(status)
