import Communication
import Configuration
import Foundation
import Training
import Transformer

/// Trains two models that skip the same step, one because of a transient fault and the other explicitly. They must have
/// the same weights at the end.
func checkTransientFault(_ configuration: RunConfiguration, on faulty: Int, _ communicator: Communicator) throws {
  let models = (0..<2).map { _ in
    let trainer = Trainer(configuration, communicator: communicator, team: .init())
    trainer.state.layout.initialize(trainer.state.parameters.floats, seed: 5)
    return trainer
  }
  let steps = 1...6
  for step in steps {
    for (index, trainer) in models.enumerated() {
      let length = configuration.data.sequenceLength + 1
      let ids = trainer.localSequences.flatMap { sequence in
        (0..<length).map { Int32((step * 31 + sequence * 7 + $0 * $0) % configuration.model.vocabularySize) }
      }
      if index == 1 && step == 4 {
        trainer.state.progress.step += 1
        trainer.state.progress.skippedSteps += 1
        continue
      }
      let weight = trainer.state.parameters.pointer + 1234
      let good = weight.pointee
      if step == 4 && communicator.rank == faulty { weight.pointee = .nan }
      let result = try ids.withUnsafeBufferPointer { try trainer.step(SequenceTokens($0)) }
      weight.pointee = step == 4 ? good : weight.pointee
      guard (result.skipped != nil) == (step == 4) else { throw CheckFailure("step \(step): \(result)") }
      if step == 4, communicator.isRoot { print(result.skipped.map { "\($0)" } ?? "") }
    }
  }
  let (one, other) = (models[0].state, models[1].state)
  guard one.progress.updates == 5, other.progress.updates == 5 else { throw CheckFailure("not five updates") }
  guard memcmp(one.parameters.pointer, other.parameters.pointer, 4 * one.parameters.count) == 0 else {
    throw CheckFailure("the weights differ")
  }
}

struct CheckFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
