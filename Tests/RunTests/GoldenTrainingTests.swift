import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// Compares ten steps of `phd-train` with ten steps that an independent program computed in double precision. A golden
/// file also serves as corpus and initial weights.
@Suite(.serialized) struct GoldenTrainingTests {
  @Test(arguments: ["vanilla", "phd-3", "swa-2-4", "cswa-3-4-8", "naive-2"])
  func `ten steps equal the golden file`(name: String) throws {
    try compare(name, ranks: nil, microBatch: 2)
  }

  @Test(arguments: ["vanilla", "cswa-3-4-8"]) func `ten steps in two micro-batches equal the golden file`(name: String)
    throws
  {
    try compare(name, ranks: nil, microBatch: 1)
  }

  @Test(arguments: ["vanilla", "phd-3", "swa-2-4", "cswa-3-4-8", "naive-2"])
  func `ten steps on two ranks equal the golden file`(name: String) throws {
    try compare(name, ranks: 2, microBatch: 1)
  }

  private func compare(_ name: String, ranks: Int?, microBatch: Int) throws {
    let path = fixtures.appending(path: "golden/\(name).h5").path
    let workspace = try TestWorkspace()
    let golden = try HDF5File.open(path)
    try workspace.write(try configuration(golden, path, microBatch: microBatch), to: "golden.json")
    let outcome = try workspace.train(["--initialize-from", path], configuration: "golden.json", ranks: ranks)
    try #require(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error == "")

    let run = workspace.run("golden")
    #expect(try run.steps() == (1...10).map(Double.init))
    for (field, tolerance) in [("loss", 2e-5), ("gradient_norm", 1e-4), ("learning_rate", 1e-12)] {
      let expected: [Double] = try golden.dataset("training/\(field)").array()
      for (step, (found, expected)) in zip(try run.steps(field), expected).enumerated() {
        #expect(abs(found - expected) <= tolerance * abs(expected), "\(field) of step \(step + 1)")
      }
    }
    let zLosses = try run.steps("z_loss")
    let withZ = try #require(try golden.doubleAttribute("loss_with_z"))
    #expect(abs(try run.steps("loss")[0] + zLosses[0] - withZ) < 2e-5 * withZ)

    let weights = try RunFiles.tensors(run.checkpoint(10))
    let names = try golden.children(of: "training/model").map(\.name)
    #expect(names.count == 25)
    for name in names {
      let expected: [Double] = try golden.dataset("training/model/\(name)").array()
      let found = try #require(weights["model/\(name)"], "the checkpoint has no \(name)")
      try #require(found.count == expected.count)
      let difference = zip(found, expected).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
      let size = expected.reduce(0) { $0 + $1 * $1 }
      // 1e-5 was measured: AdamW amplifies errors of gradients near zero.
      #expect((difference / size).squareRoot() < 1e-4, "\(name)")
    }
  }

  /// The configuration described by the attributes of a golden file.
  private func configuration(_ golden: HDF5File, _ path: String, microBatch: Int) throws -> String {
    func number(_ name: String, of object: String = "/") throws -> JSONValue {
      .number(try #require(try golden.doubleAttribute(name, of: object), "\(path) has no attribute \(name)"))
    }
    func integer(_ name: String, of object: String = "/") throws -> JSONValue {
      .integer(try #require(try golden.integerAttribute(name, of: object), "\(path) has no attribute \(name)"))
    }
    let shape = try golden.dataset("samples").shape
    var model: JSONValue.Object = .init()
    for name in [
      "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
      "num_key_value_heads",
    ] { model[name] = try integer(name) }
    for name in ["rope_theta", "rms_norm_eps"] { model[name] = try number(name) }
    let pattern = try #require(try golden.stringAttribute("pattern"))
    var decoding: JSONValue.Object = .init()
    decoding["pattern"] = .string(pattern)
    if pattern != "vanilla" { decoding["repeats"] = try integer("repeats") }
    if pattern == "swa" || pattern == "cswa" { decoding["window"] = try integer("window") }
    if pattern == "cswa" { decoding["chunk"] = try integer("chunk") }
    let configuration: JSONValue = [
      "model": .object(model),
      "hidden_decoding": .object(decoding),
      "data": ["train": .string(path), "sequence_length": .integer(shape[1] - 1)],
      "training": [
        "steps": try integer("steps", of: "training"), "global_batch_size": .integer(shape[0]),
        "micro_batch_size": .integer(microBatch), "z_loss": try number("z_loss"),
        "gradient_clip": try number("gradient_clip", of: "training"),
      ],
      "optimizer": [
        "learning_rate": try number("learning_rate", of: "training"), "beta1": try number("beta1", of: "training"),
        "beta2": try number("beta2", of: "training"), "epsilon": try number("epsilon", of: "training"),
        "weight_decay": try number("weight_decay", of: "training"),
        "no_weight_decay": ["model.embed_tokens.weight"],
      ],
      "schedule": [
        "kind": "cosine", "warmup_steps": try integer("warmup_steps", of: "training"),
        "final_fraction": try number("final_fraction", of: "training"),
      ],
      "checkpoint": ["directory": "runs"],
    ]
    return configuration.pretty
  }
}
