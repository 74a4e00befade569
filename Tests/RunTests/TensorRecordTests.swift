import Foundation
import JSON
import Reference
import Storage
import TestSupport
import Testing
import Training

/// `log.gradients_every`: the norms of every tensor, compared with AdamW in double precision and on several ranks.
@Suite(.serialized) struct TensorRecordTests {
  private static let settings = ["training.steps=6", "model.hidden_size=64", "model.intermediate_size=96"]

  private func train(
    _ workspace: TestWorkspace, _ name: String, ranks: Int? = nil, _ settings: [String], _ arguments: [String] = []
  ) throws -> [JSONValue] {
    let sets = (Self.settings + settings).flatMap { ["--set", $0] }
    let outcome = try workspace.train(sets + arguments, name: name, ranks: ranks)
    try #require(outcome.status == 0, "\(outcome.error)")
    return try workspace.run(name).records("tensors")
  }

  @Test func `norms equal the reference at every step`() throws {
    let workspace = try TestWorkspace()
    let path = fixtures.appending(path: "golden/cswa-3-4-8.h5").path
    let golden = try Golden(path)
    let optimizer = golden.optimizer
    let outcome = try workspace.train(
      ["--initialize-from", path] + golden.settings.flatMap { ["--set", $0] } + ["--set", "log.gradients_every=1"])
    try #require(outcome.status == 0, "\(outcome.error)")
    let records = try workspace.run().records("tensors")
    try #require(records.count == 3)

    var model = golden.model
    var state = ReferenceAdamW.State()
    for (index, record) in records.enumerated() {
      let gradient = model.gradient(sequences: golden.sequences, zLoss: golden.zLoss)
      let before = model.weights
      optimizer.update(&model.weights, gradient: gradient, state: &state)
      #expect(record["step"] == .integer(index + 1))
      for (name, _) in model.dimensions.parameterShapes {
        let (old, new) = (before[name] ?? [], model.weights[name] ?? [])
        for (kind, expected) in [
          ("gradients", norm(gradient[name] ?? [])), ("weights", norm(new)),
          ("updates", norm(zip(new, old).map { $0 - $1 })),
        ] {
          let found = try #require(record[kind]?[name]?.number, "no \(kind) of \(name)")
          // An update is small compared with the weights whose rounding error it has.
          let tolerance = kind == "updates" ? 2e-3 : 1e-4
          #expect(abs(found - expected) <= tolerance * expected, "\(kind) of \(name) at step \(index + 1)")
        }
      }
      #expect(record["gradients"]?.object?.fields.count == model.dimensions.parameterShapes.count)
    }
    // The norm over all tensors equals that in the step record.
    let norms = try workspace.run().steps("gradient_norm")
    for (norm, record) in zip(norms, records) {
      let squares = (record["gradients"]?.object?.fields ?? []).reduce(0.0) {
        $0 + ($1.value.number ?? 0) * ($1.value.number ?? 0)
      }
      #expect(abs(squares.squareRoot() - norm) < 1e-6 * norm)
    }
  }

  @Test func `norms do not depend on ranks or sharding, and recording them does not change the run`() throws {
    let workspace = try TestWorkspace()
    let every = "log.gradients_every=2"
    let records = try train(workspace, "one", [every])
    #expect(records.map { $0["step"] } == [2, 4, 6])
    for (ranks, sharded) in [(2, true), (3, false), (6, true)] {
      let name = "ranks-\(ranks)"
      #expect(try train(workspace, name, ranks: ranks, [every, "optimizer.sharded=\(sharded)"]) == records)
      try expectSame(workspace.run(name), workspace.run("one"), at: 6)
    }
    #expect(try train(workspace, "without", []).isEmpty)
    try expectSame(workspace.run("without"), workspace.run("one"), at: 6)
    // A continued log has each record once.
    _ = try train(workspace, "halves", [every], ["--stop-after", "3"])
    #expect(try train(workspace, "halves", [every]) == records)
  }

  private func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}

/// A golden file: the reference model, its batch, and the run that it describes.
private struct Golden {
  let model: ReferenceModel
  let sequences: [[Int]]
  let zLoss: Double
  let optimizer: ReferenceAdamW
  /// Three steps of that run, as overrides of the workspace's configuration.
  let settings: [String]

  init(_ path: String) throws {
    let file = try HDF5File.open(path)
    func integer(_ key: String, of object: String = "/") throws -> Int {
      try #require(try file.integerAttribute(key, of: object))
    }
    func number(_ key: String, of object: String = "/") throws -> Double {
      try #require(try file.doubleAttribute(key, of: object))
    }
    let dimensions = ReferenceModel.Dimensions(
      vocabularySize: try integer("vocab_size"), hiddenSize: try integer("hidden_size"),
      intermediateSize: try integer("intermediate_size"), layers: try integer("num_hidden_layers"),
      heads: try integer("num_attention_heads"), keyValueHeads: try integer("num_key_value_heads"),
      ropeTheta: try number("rope_theta"), rmsNormEpsilon: try number("rms_norm_eps"))
    let pattern = ReferencePattern.cswa(
      repeats: try integer("repeats"), window: try integer("window"), chunk: try integer("chunk"))
    var weights: [String: [Double]] = [:]
    for (tensor, _) in dimensions.parameterShapes {
      weights[tensor] = try file.dataset("model/\(tensor)").array(of: Double.self)
    }
    model = ReferenceModel(dimensions: dimensions, pattern: pattern, weights: weights)
    let samples = try file.dataset("samples")
    let (count, length) = (samples.shape[0], samples.shape[1])
    let tokens = try samples.array(of: Int32.self).map { Int($0) }
    sequences = stride(from: 0, to: tokens.count, by: length).map { Array(tokens[$0..<$0 + length]) }
    zLoss = try number("z_loss")
    let rate = try number("learning_rate", of: "training")
    optimizer = ReferenceAdamW(schedule: ReferenceSchedule(.constant, learningRate: rate, steps: 3))
    settings = [
      "model.vocab_size=\(dimensions.vocabularySize)", "model.hidden_size=\(dimensions.hiddenSize)",
      "model.intermediate_size=\(dimensions.intermediateSize)", "model.num_hidden_layers=\(dimensions.layers)",
      "model.num_attention_heads=\(dimensions.heads)", "model.num_key_value_heads=\(dimensions.keyValueHeads)",
      "model.rope_theta=\(dimensions.ropeTheta)", "model.rms_norm_eps=\(dimensions.rmsNormEpsilon)",
      "hidden_decoding.repeats=\(pattern.repeats)", "hidden_decoding.window=\(pattern.window)",
      "hidden_decoding.chunk=\(pattern.chunk ?? 0)", "data.train=\(path)", "data.validation={}",
      "data.sequence_length=\(length - 1)", "training.steps=3", "training.global_batch_size=\(count)",
      "training.z_loss=\(zLoss)", "optimizer.learning_rate=\(rate)",
      "optimizer.no_weight_decay=[\"model.embed_tokens.weight\"]",
      "schedule={\"kind\":\"constant\",\"warmup_steps\":0}",
    ]
  }
}
