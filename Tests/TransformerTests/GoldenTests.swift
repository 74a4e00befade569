import Foundation
import Kernels
import Reference
import Storage
import Testing

@testable import Transformer

/// A golden case, computed in float64 by an independent program.
struct Golden {
  let sequences: [[Int]]
  let zLoss: Double
  let loss: Double
  let lossWithZ: Double
  let logits: [Double]
  let gradients: [String: [Double]]
  let subject: Subject

  init(
    _ name: String, recompute: Recompute = .none, precision: ElementType = .fp32, attention: ElementType? = nil
  ) throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/golden/\(name).h5").path
    let file = try HDF5File.open(path)
    func integer(_ key: String) throws -> Int { try Self.required(file.integerAttribute(key)) }
    func double(_ key: String) throws -> Double { try Self.required(file.doubleAttribute(key)) }
    let dimensions = ReferenceModel.Dimensions(
      vocabularySize: try integer("vocab_size"), hiddenSize: try integer("hidden_size"),
      intermediateSize: try integer("intermediate_size"), layers: try integer("num_hidden_layers"),
      heads: try integer("num_attention_heads"), keyValueHeads: try integer("num_key_value_heads"),
      ropeTheta: try double("rope_theta"), rmsNormEpsilon: try double("rms_norm_eps"))
    let kindName = try Self.required(file.stringAttribute("pattern"))
    let kind = try #require(ReferencePattern.Kind(rawValue: kindName))
    let chunk = try integer("chunk")
    let pattern = ReferencePattern(
      kind, repeats: try integer("repeats"), window: try integer("window"), chunk: chunk > 0 ? chunk : nil)
    var weights: [String: [Double]] = [:]
    var gradients: [String: [Double]] = [:]
    for (tensor, _) in dimensions.parameterShapes {
      weights[tensor] = try file.dataset("model/\(tensor)").array(of: Double.self)
      gradients[tensor] = try file.dataset("gradient/\(tensor)").array(of: Double.self)
    }
    let samples = try file.dataset("samples")
    let length = samples.shape[1]
    let tokens = try samples.array(of: Int32.self).map { Int($0) }
    sequences = stride(from: 0, to: tokens.count, by: length).map { Array(tokens[$0..<$0 + length]) }
    zLoss = try double("z_loss")
    loss = try double("loss")
    lossWithZ = try double("loss_with_z")
    logits = try file.dataset("logits").array(of: Double.self)
    self.gradients = gradients
    subject = Subject(
      ReferenceModel(dimensions: dimensions, pattern: pattern, weights: weights), sequences: sequences.count,
      positions: length - 1, recompute: recompute, precision: precision, attention: attention)
  }

  /// Compares losses and the gradient of every tensor with the float64 values; the arguments are maximum relative
  /// errors.
  func expectLossesAndGradients(losses: Double, gradients: Double) throws {
    let sums = subject.lossAndGradient(sequences, zLoss: zLoss)
    let tokens = Double(sums.tokens)
    let found = sums.crossEntropy / tokens
    #expect(abs(found - loss) < losses * loss)
    #expect(abs(found + zLoss * sums.squaredLogSumExp / tokens - lossWithZ) < losses * lossWithZ)
    for tensor in subject.layout.tensors {
      let difference = relativeDifference(
        subject.gradient(of: tensor, dividedBy: sums.tokens), try #require(self.gradients[tensor.name]))
      #expect(difference < gradients, "\(tensor.name): \(difference)")
    }
  }

  private static func required<Value>(_ value: Value?) throws -> Value { try #require(value) }

  static let names = ["vanilla", "phd-3", "swa-2-4", "cswa-3-4-8", "naive-2"]
}

@Suite struct GoldenTests {
  @Test(arguments: Golden.names)
  func `logits, losses and gradients equal the golden cases within 2e-5`(_ name: String) throws {
    let golden = try Golden(name)
    #expect(relativeDifference(golden.subject.logits(golden.sequences), golden.logits) < 2e-5)
    try golden.expectLossesAndGradients(losses: 2e-5, gradients: 2e-5)
  }

  @Test(arguments: Golden.names)
  func `a forward-only pass gives the losses of the training pass, for each sequence`(_ name: String) throws {
    let golden = try Golden(name)
    let sums = golden.subject.lossAndGradient(golden.sequences, zLoss: 0)
    let each = golden.subject.losses(golden.sequences)
    #expect(each.reduce(0) { $0 + $1.tokens } == sums.tokens)
    let total = each.reduce(0) { $0 + $1.crossEntropy }
    #expect(abs(total - sums.crossEntropy) < 1e-12 * total)
  }
}
