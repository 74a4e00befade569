import Foundation
import JSON
import Kernels
import Storage
import TestSupport
import Testing
import Training
import Transformer

@testable import Inspection
@testable import Reference

/// Compares `phd inspect copies` with the double-precision reference.
@Suite struct CopyInspectionTests {
  private static let vocabulary = 61
  private static let positions = 11

  /// A checkpoint with a random reference model, in the format that h5py writes, and a corpus of 3 samples.
  private func prepare(_ pattern: ReferencePattern, _ architecture: ReferenceModel.Architecture) throws -> (
    model: ReferenceModel, folder: TemporaryFolder, samples: [[Int]]
  ) {
    let dimensions = ReferenceModel.Dimensions(
      architecture: architecture, vocabularySize: Self.vocabulary, hiddenSize: 24, intermediateSize: 40, layers: 3,
      heads: 4, keyValueHeads: 2)
    let model = ReferenceModel.random(seed: 11, dimensions: dimensions, pattern: pattern)
    let folder = try TemporaryFolder()
    let tokens = (0..<3 * Self.positions + 1).map { UInt16(($0 * 17 + $0 * $0 * 5) % Self.vocabulary) }
    let corpus = try HDF5File.create(folder.path + "/corpus.h5")
    try corpus.write("tokens", tokens)
    try corpus.close()

    var decoding: JSONValue.Object = .init()
    decoding["pattern"] = .string(pattern.kind.rawValue)
    if pattern.kind != .vanilla { decoding["repeats"] = .integer(pattern.repeats) }
    if pattern.kind == .swa || pattern.kind == .cswa { decoding["window"] = .integer(pattern.window) }
    if let chunk = pattern.chunk { decoding["chunk"] = .integer(chunk) }
    let configuration: JSONValue = [
      "model": [
        "architecture": .string(architecture.rawValue), "vocab_size": .integer(Self.vocabulary), "hidden_size": 24,
        "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
      ],
      "hidden_decoding": .object(decoding),
    ]
    let file = try HDF5File.create(folder.path + "/model.h5")
    try file.setAttribute("format", to: "phd-checkpoint")
    try file.setAttribute("version", to: 1)
    try file.setAttribute("step", to: 7)
    try file.setAttribute("tokens", to: 0)
    try file.setAttribute("config", to: configuration.compact)
    for (name, shape) in dimensions.parameterShapes {
      let values = try #require(model.weights[name]).map { Float($0) }
      try values.withUnsafeBufferPointer { try file.write("model/\(name)", shape: shape, from: $0) }
    }
    try file.close()
    let samples = (0..<3).map { sample in
      (0...Self.positions).map { Int(tokens[sample * Self.positions + $0]) }
    }
    return (model, folder, samples)
  }

  @Test(
    arguments: [
      ReferencePattern.vanilla, .phd(repeats: 3), .swa(repeats: 2, window: 4), .cswa(repeats: 3, window: 3, chunk: 5),
      .naive(repeats: 2),
    ], ReferenceModel.Architecture.allCases) func `norms, cosines, changes, losses and entropies equal the reference's`(
      _ pattern: ReferencePattern, _ architecture: ReferenceModel.Architecture
    ) throws
  {
    let (model, folder, samples) = try prepare(pattern, architecture)
    let found = try CopyInspection(
      checkpoint: folder.path + "/model.h5", corpus: folder.path + "/corpus.h5", sequenceLength: Self.positions,
      sequences: 2, threads: 1)
    #expect(found.step == 7 && found.sequences == 2 && found.tokens == 2 * Self.positions)
    #expect(found.layers.count == 3 && found.layers.allSatisfy { $0.count == pattern.repeats })
    #expect(found.readings.count == pattern.repeats)
    for layer in 0..<3 {
      for copy in 0..<pattern.repeats {
        let expected = try state(model, Array(samples.prefix(2)), layer: layer, copy: copy)
        let state = found.layers[layer][copy]
        #expect(abs(state.norm - expected.norm) < 1e-5 * expected.norm, "norm of copy \(copy) after layer \(layer)")
        #expect((state.cosine == nil) == (copy == 0) && (state.change == nil) == (copy == 0))
        #expect(abs((state.cosine ?? 0) - expected.cosine) < 1e-5, "cosine of copy \(copy) after layer \(layer)")
        #expect(abs((state.change ?? 0) - expected.change) < 1e-5, "change of copy \(copy) after layer \(layer)")
      }
    }
    for copy in 0..<pattern.repeats {
      let expected = reading(model, Array(samples.prefix(2)), copy: copy)
      #expect(abs(found.readings[copy].loss - expected.loss) < 1e-5 * expected.loss, "loss of copy \(copy)")
      #expect(abs(found.readings[copy].entropy - expected.entropy) < 1e-5 * expected.entropy, "entropy of copy \(copy)")
    }
    // The copies differ, so the comparison is not trivial.
    if pattern.repeats > 1 { #expect((found.layers[2][1].change ?? 0) > 0.01) }
  }

  /// Means over the positions of all samples, computed from the reference's residual stream.
  private func state(
    _ model: ReferenceModel, _ samples: [[Int]], layer: Int, copy: Int
  ) throws -> (norm: Double, cosine: Double, change: Double) {
    var (norm, cosine, change) = (0.0, 0.0, 0.0)
    for sample in samples {
      let stream = model.hiddenStates(tokens: Array(sample.dropLast()))[layer + 1]
      for position in 0..<Self.positions {
        let x = stream[copy * Self.positions + position]
        norm += length(x)
        guard copy > 0 else { continue }
        let before = stream[(copy - 1) * Self.positions + position]
        cosine += zip(x, before).reduce(0) { $0 + $1.0 * $1.1 } / length(x) / length(before)
        change += length(zip(x, before).map { $0 - $1 }) / length(before)
      }
    }
    let rows = Double(samples.count * Self.positions)
    return (norm / rows, cosine / rows, change / rows)
  }

  private func length(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  private func reading(_ model: ReferenceModel, _ samples: [[Int]], copy: Int) -> (loss: Double, entropy: Double) {
    var (loss, entropy) = (0.0, 0.0)
    for sample in samples {
      let stream = model.hiddenStates(tokens: Array(sample.dropLast()))[model.dimensions.layers]
      let rows = Array(stream[copy * Self.positions..<(copy + 1) * Self.positions])
      let matrix = Reference.Matrix(rows: rows.count, columns: rows[0].count, values: rows.flatMap { $0 })
      let norm = rmsNorm(matrix, model.weight("model.norm.weight"), epsilon: model.dimensions.rmsNormEpsilon)
      for (position, logits) in linear(norm, model.weight(model.headName)).nested.enumerated() {
        let normalizer = logSumExp(logits)
        loss += normalizer - logits[sample[position + 1]]
        entropy -= logits.reduce(0) { $0 + exp($1 - normalizer) * ($1 - normalizer) }
      }
    }
    let rows = Double(samples.count * Self.positions)
    return (loss / rows, entropy / rows)
  }

  @Test func `the last copy's loss equals the model's, and errors are reported`() throws {
    let (_, folder, _) = try prepare(.cswa(repeats: 2, window: 3, chunk: 5), .olmo2)
    let files = ["--checkpoint", "model.h5", "--corpus", "corpus.h5", "--sequence-length", "11"]
    let outcome = try launch("phd", ["inspect", "copies", "--json"] + files, directory: folder.path)
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    let found = try JSONValue(parsing: outcome.output)
    let loss = try JSONValue(
      parsing: try launch("phd", ["evaluate", "loss", "--json"] + files, directory: folder.path).output)
    #expect(found["tokens"] == loss["tokens"] && found["sequences"] == 3)
    let last = try #require(found["copies"]?.array?.last?["loss"]?.number)
    #expect(abs(last - (try #require(loss["loss"]?.number))) < 1e-6)

    let text = try launch("phd", ["inspect", "copies"] + files, directory: folder.path).output
    #expect(text.contains("PHD-CSWA-2-3-5") && text.split(separator: "\n").count > 10)

    func status(_ arguments: [String]) throws -> Int32 {
      let outcome = try launch("phd", ["inspect", "copies"] + arguments, directory: folder.path)
      #expect(outcome.output.isEmpty && outcome.error.hasPrefix("phd: "))
      return outcome.status
    }
    #expect(try status(Array(files.dropLast(2))) == 64)
    #expect(try status(files + ["--sequences", "0"]) == 64)
    #expect(try status(["--checkpoint", "none.h5", "--corpus", "corpus.h5", "--sequence-length", "11"]) == 66)
    #expect(try status(["--checkpoint", "model.h5", "--corpus", "none.h5", "--sequence-length", "11"]) == 66)
    #expect(try status(["--checkpoint", "corpus.h5", "--corpus", "corpus.h5", "--sequence-length", "11"]) == 65)
  }
}
