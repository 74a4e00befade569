import Reference
import Testing

@testable import Kernels
@testable import Transformer

/// Passes with bf16 products. bf16 has eight bits of mantissa, so one rounding has a relative error of up to 2⁻⁹.
@Suite struct BF16Tests {
  /// Whether oneDNN multiplies large matrices, which needs AVX-512.
  private static let byLibrary = Processor.hasAVX512 ? [false, true] : [false]
  /// Each with fp32 and with bf16 attention.
  private static let ways = byLibrary.flatMap { byLibrary in ElementType.allCases.map { (byLibrary, $0) } }

  private func golden(_ name: String, _ way: (byLibrary: Bool, attention: ElementType)) throws -> Golden {
    let golden = try Golden(name, precision: .bf16, attention: way.attention)
    golden.subject.pass.products = MatrixProduct(
      of: .bf16, on: golden.subject.pass.team, kernels, byLibrary: way.byLibrary)
    return golden
  }

  @Test(arguments: Golden.names, ways)
  func `losses and gradients in bf16 equal the golden cases up to rounding`(
    _ name: String, _ way: (byLibrary: Bool, attention: ElementType)
  ) throws {
    let golden = try golden(name, way)
    let difference = relativeDifference(golden.subject.logits(golden.sequences), golden.logits)
    #expect(difference < 2e-2, "\(difference)")
    // If the difference were smaller, the products would not be in bf16.
    #expect(difference > 1e-4, "\(difference)")
    try golden.expectLossesAndGradients(losses: 2e-2, gradients: 5e-2)
  }

  @Test(arguments: Golden.names)
  func `attention in bf16 alone adds only rounding errors to losses and gradients`(_ name: String) throws {
    let golden = try Golden(name, attention: .bf16)
    let difference = relativeDifference(golden.subject.logits(golden.sequences), golden.logits)
    #expect(difference < 1e-2 && difference > 1e-6, "\(difference)")
    try golden.expectLossesAndGradients(losses: 1e-2, gradients: 2e-2)
  }

  @Test(arguments: Golden.names, ElementType.allCases)
  func `own products and a library's give the same losses up to rounding`(
    _ name: String, _ attention: ElementType
  ) throws {
    let losses = try Self.byLibrary.map { byLibrary in
      let golden = try golden(name, (byLibrary, attention))
      return golden.subject.lossAndGradient(golden.sequences, zLoss: golden.zLoss).crossEntropy
    }
    // A difference in the last bit of fp32 occasionally changes the rounding to bf16.
    for loss in losses { #expect(abs(loss - losses[0]) < 1e-3 * losses[0]) }
  }

  @Test(arguments: Case.all + Case.long, ElementType.allCases)
  func `recomputation and the number of threads do not change a bit`(_ shape: Case, _ attention: ElementType) throws {
    func pass(_ recompute: Recompute, threads: Int) throws -> (LossSums, [UInt32]) {
      let subject = Subject(
        shape.model(), sequences: shape.sequences, positions: shape.positions, recompute: recompute,
        precision: .bf16, attention: attention, team: try ThreadTeam(count: threads))
      let sums = subject.lossAndGradient(shape.tokens(), zLoss: 1e-3)
      return (sums, subject.gradients.floats.map(\.bitPattern))
    }
    let expected = try pass(.none, threads: 1)
    for other in try [pass(.block, threads: 1), pass(.none, threads: 2), pass(.none, threads: 3)] {
      #expect(expected.0 == other.0)
      #expect(expected.1 == other.1)
    }
  }

  @Test(arguments: Case.all.filter { $0.architecture == .llama })
  func `losses and gradients of a Llama in bf16 equal the reference up to rounding`(_ shape: Case) throws {
    let reference = shape.model()
    let subject = Subject(reference, sequences: shape.sequences, positions: shape.positions, precision: .bf16)
    let expected = reference.lossAndGradient(sequences: shape.tokens(), zLoss: 1e-3)
    let sums = subject.lossAndGradient(shape.tokens(), zLoss: 1e-3)
    #expect(abs(sums.crossEntropy / Double(sums.tokens) - expected.crossEntropy) < 2e-2 * expected.crossEntropy)
    for tensor in subject.layout.tensors {
      let gradient = try #require(expected.gradient[tensor.name])
      if gradient.allSatisfy({ $0 == 0 }) { continue }
      let difference = relativeDifference(subject.gradient(of: tensor, dividedBy: sums.tokens), gradient)
      #expect(difference < 3e-2, "\(tensor.name): \(difference)")
    }
  }

  @Test func `a pass in bf16 needs less than 65 % of the memory`() {
    func bytes(_ precision: ElementType) -> Int {
      let model = ModelConfiguration(
        vocabularySize: 8192, hiddenSize: 512, intermediateSize: 1536, layers: 8, queryHeads: 8, keyValueHeads: 2)
      let shape = PassShape(
        model: model, hiddenDecoding: HiddenDecoding(pattern: .cswa, repeats: 2, window: 16, chunk: 32), sequences: 4,
        positions: 1024, precision: precision)
      return ModelPass.bytes(shape, trains: true, threads: 1)
    }
    #expect(Double(bytes(.bf16)) < 0.65 * Double(bytes(.fp32)), "\(bytes(.bf16)) and \(bytes(.fp32))")
  }
}
