// Trains with an optimizer that updates matrices as a whole, under mpirun, with and without sharded state: weights, norms
// and the state that rank 0 collects must be the same, bit for bit, also after the state went back to the ranks.
//
// optimizer-checks CONFIG [KEY=VALUE …]

import Communication
import Configuration
import Foundation
import Kernels
import Optimization
import Training
import Transformer

/// Gradient descent along the normalized running mean of gradients: a matrix's update needs its norm, a vector has no
/// state.
struct NormalizedMomentum: Optimizer {
  func slots(of tensor: ParameterTensor) -> [StateSlot] { tensor.isNorm ? [] : [StateSlot("momentum_buffer")] }

  func unit(of tensor: ParameterTensor) -> UpdateUnit { tensor.isNorm ? .elements : .tensor }

  func update(
    _ part: UpdatePart, of tensor: ParameterTensor, learningRate: Double, step: Int, scale: Float, leavesChange: Bool,
    on team: ThreadTeam
  ) {
    precondition(tensor.isNorm || part.parameters.count == tensor.range.count, "a part of \(tensor.name)")
    var rate = Float(learningRate)
    if let momentum = part.state.first {
      var sum = 0.0
      for index in momentum.indices {
        momentum[index] = 0.9 * momentum[index] + scale * part.gradient[index]
        sum += Double(momentum[index]) * Double(momentum[index])
      }
      rate /= Float(sum.squareRoot()) + 1e-8
    }
    for index in part.parameters.indices {
      let direction = part.state.first?[index] ?? scale * part.gradient[index]
      let old = part.parameters[index]
      part.parameters[index] = old - rate * direction
      if leavesChange { part.gradient[index] = part.parameters[index] - old }
    }
  }
}

struct CheckFailure: Error, CustomStringConvertible {
  let description: String
}

/// What rank 0 knows of a run: weights, the collected state, and every step's result.
struct Outcome: Equatable {
  var weights: [Float] = []
  var state: [Float] = []
  var results: [StepResult] = []
}

func train(_ configuration: RunConfiguration, _ communicator: Communicator) throws -> Outcome {
  let trainer = Trainer(configuration, communicator: communicator, team: .init(), optimizer: NormalizedMomentum())
  trainer.state.layout.initialize(trainer.state.parameters.floats, seed: 5)
  var outcome = Outcome()
  for step in 1...4 {
    let length = configuration.data.sequenceLength + 1
    let ids = trainer.localSequences.flatMap { sequence in
      (0..<length).map { Int32((step * 31 + sequence * 7 + $0 * $0) % configuration.model.vocabularySize) }
    }
    outcome.results.append(try ids.withUnsafeBufferPointer { try trainer.step(SequenceTokens($0)) })
    outcome.state = try roundTrip(trainer.state, communicator)
  }
  outcome.weights = Array(trainer.state.parameters.floats)
  return outcome
}

/// Collects the state on rank 0, clears it everywhere and distributes it again.
func roundTrip(_ state: TrainingState, _ communicator: Communicator) throws -> [Float] {
  let exchange = StateExchange(state, communicator)
  var collected: [Float] = []
  try exchange.collect { _, _, floats in collected += floats }
  for floats in state.stateOfTensors { floats.update(repeating: .nan) }
  var rest = collected[...]
  try exchange.distribute { _, _, floats in
    _ = floats.update(fromContentsOf: rest.prefix(floats.count))
    rest = rest.dropFirst(floats.count)
  }
  return collected
}

let arguments = Array(CommandLine.arguments.dropFirst())
let communicator = try Communicator.initialize()
do {
  var options = RunOptions(configuration: arguments[0])
  options.overrides = Array(arguments.dropFirst())
  let whole = try train(try RunSetup.configuration(options, communicator), communicator)
  options.overrides.append("optimizer.sharded=true")
  let sharded = try train(try RunSetup.configuration(options, communicator), communicator)
  guard whole.weights == sharded.weights, whole.weights.allSatisfy(\.isFinite) else {
    throw CheckFailure(description: "rank \(communicator.rank): the weights differ")
  }
  guard whole.results == sharded.results else {
    throw CheckFailure(description: "\(whole.results)\nand sharded\n\(sharded.results)")
  }
  guard whole.state == sharded.state, !communicator.isRoot || !whole.state.isEmpty else {
    throw CheckFailure(description: "the collected states differ")
  }
  if communicator.isRoot {
    let digest = whole.weights.reduce(UInt64(0)) { ($0 &* 31) &+ UInt64($1.bitPattern) }
    print("weights \(digest)")
  }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  communicator.abort(status: .brokenNumbers)
}
try communicator.finalize()
