import Foundation
import Storage
import TestSupport
import Training

/// A folder with corpora and a tiny configuration, in which the tests run the programs like a user.
///
/// The configuration trains a two-layer cswa model on 47 samples. The batch size is 6, so that most epochs end inside a
/// batch, and 1, 2, 3 and 6 ranks divide it.
struct TestWorkspace {
  private let folder = Result { try TemporaryFolder() }
  let path: String

  static let sequenceLength = 12
  static let vocabularySize = 61
  static let samples = 47

  static let configuration = """
    {
      "name": "tiny",
      "seed": 5,
      "model": {
        "vocab_size": 61, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1
      },
      "hidden_decoding": { "pattern": "cswa", "repeats": 2, "window": 3, "chunk": 5 },
      "data": { "train": "train.h5", "validation": { "short": "short.h5", "long": "long.h5" }, "sequence_length": 12 },
      "training": { "steps": 20, "global_batch_size": 6, "micro_batch_size": 1, "threads": 1 },
      "optimizer": { "learning_rate": 0.01, "no_weight_decay": ["model.embed_tokens.weight", "*norm.weight"] },
      "schedule": { "kind": "cosine", "warmup_steps": 4 },
      "checkpoint": { "directory": "runs", "every_steps": 5, "keep": 10 },
      "validation": { "every_steps": 4, "sequences": 5 }
    }
    """

  init() throws {
    path = try folder.get().path
    try write(TestWorkspace.configuration, to: "config.json")
    try writeCorpus(TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1), to: "train.h5")
    try writeCorpus(TestWorkspace.tokens(samples: 3, seed: 2), to: "short.h5")
    try writeCorpus(TestWorkspace.tokens(samples: 9, seed: 3), to: "long.h5")
  }

  /// A path in the folder.
  subscript(name: String) -> String { "\(path)/\(name)" }

  /// The files of a run.
  func run(_ name: String = "tiny") -> RunFiles { RunFiles(path: self["runs/\(name)"]) }

  // MARK: running

  /// Runs `phd-train` to its end.
  func train(
    _ arguments: [String] = [], name: String = "tiny", configuration: String = "config.json", ranks: Int? = nil,
    environment: [String: String] = [:], timeout: Double = 60
  ) throws -> Outcome {
    try startTraining(
      arguments, name: name, configuration: configuration, ranks: ranks, environment: environment
    ).wait(timeout: timeout)
  }

  /// Starts `phd-train`.
  func startTraining(
    _ arguments: [String] = [], name: String = "tiny", configuration: String = "config.json", ranks: Int? = nil,
    environment: [String: String] = [:]
  ) throws -> RunningProgram {
    try start(
      "phd-train", [configuration] + arguments + (name == "tiny" ? [] : ["--set", "name=\(name)"]), ranks: ranks,
      environment: TestWorkspace.environment.merging(environment) { $1 }, directory: path)
  }

  /// Runs `phd` to its end.
  func phd(_ arguments: String...) throws -> Outcome { try launch("phd", arguments, directory: path) }

  /// Ranks of several tests share the cores, so a waiting rank must yield.
  static let environment = ["OMPI_MCA_mpi_yield_when_idle": "1"]

  // MARK: files

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: self[name])) }

  func bytes(of name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: self[name]))) }

  func writeCorpus<Token: HDF5Element>(
    _ tokens: [Token], documents: [UInt64]? = nil, endOfDocument: Int? = nil, to name: String
  ) throws {
    let file = try HDF5File.create(self[name])
    try file.write("tokens", tokens)
    if let documents { try file.write("documents", documents) }
    if let endOfDocument { try file.setAttribute("eos_token_id", to: endOfDocument) }
    try file.close()
  }

  /// Changes one byte of a file.
  func flip(_ name: String, at place: (Int) -> Int = { $0 / 2 }) throws {
    var bytes = try bytes(of: name)
    bytes[place(bytes.count)] ^= 0x10
    try write(bytes, to: name)
  }

  /// Truncates a file to a fraction of its length.
  func cut(_ name: String, to part: Double = 0.6) throws {
    let bytes = try bytes(of: name)
    try write(Array(bytes.prefix(Int(Double(bytes.count) * part))), to: name)
  }

  /// Learnable, deterministic tokens: most of them follow from the previous one.
  static func tokens(samples: Int, seed: UInt64) -> [UInt16] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    var token = 0
    return (0..<samples * sequenceLength + 1).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let noise = Int(state >> 40)
      token = noise % 4 == 0 ? noise / 4 % vocabularySize : (token * 7 + 3) % vocabularySize
      return UInt16(token)
    }
  }
}
