import Kernels
import Reference
import Testing

@testable import Transformer

/// ‖a − b‖ / ‖b‖.
func relativeDifference(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "\(a.count) and \(b.count) elements")
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let size = b.reduce(0) { $0 + $1 * $1 }
  return (difference / max(size, 1e-300)).squareRoot()
}

extension ReferencePattern {
  /// The same pattern as `HiddenDecoding`.
  var hiddenDecoding: HiddenDecoding {
    switch kind {
    case .vanilla: .vanilla
    case .phd: HiddenDecoding(pattern: .phd, repeats: repeats)
    case .swa: HiddenDecoding(pattern: .swa, repeats: repeats, window: window)
    case .cswa: HiddenDecoding(pattern: .cswa, repeats: repeats, window: window, chunk: chunk)
    case .naive: HiddenDecoding(pattern: .naive, repeats: repeats)
    }
  }
}

extension ReferenceModel.Dimensions {
  var configuration: ModelConfiguration {
    ModelConfiguration(
      architecture: architecture == .olmo2 ? .olmo2 : .llama, vocabularySize: vocabularySize, hiddenSize: hiddenSize,
      intermediateSize: intermediateSize, layers: layers,
      queryHeads: heads, keyValueHeads: keyValueHeads, ropeTheta: ropeTheta, rmsNormEpsilon: rmsNormEpsilon,
      tieWordEmbeddings: tieWordEmbeddings)
  }
}

/// The model under test, with the reference's weights.
struct Subject {
  let layout: ParameterLayout
  let parameters: Buffer
  let gradients: Buffer
  let pass: ModelPass

  init(
    _ reference: ReferenceModel, sequences: Int, positions: Int, recompute: Recompute = .none, trains: Bool = true,
    precision: ElementType = .fp32, attention: ElementType? = nil, team: ThreadTeam = ThreadTeam()
  ) {
    layout = ParameterLayout(reference.dimensions.configuration)
    parameters = Buffer(count: layout.count)
    gradients = Buffer(count: layout.count)
    for tensor in layout.tensors {
      for (index, value) in (reference.weights[tensor.name] ?? []).enumerated() {
        parameters.pointer[tensor.range.lowerBound + index] = Float(value)
      }
    }
    pass = ModelPass(
      PassShape(
        model: layout.model, hiddenDecoding: reference.pattern.hiddenDecoding, sequences: sequences,
        positions: positions, precision: precision, attentionPrecision: attention), layout: layout,
      recompute: recompute, trains: trains, on: team)
  }

  /// - Parameter starts: for each sequence, the positions where documents start; nil without a document mask.
  func withTokens<Result>(
    _ sequences: [[Int]], starts: [[Int]]? = nil, _ body: (SequenceTokens) -> Result
  ) -> Result {
    let positions = starts.map { starts in
      zip(sequences, starts).flatMap { sequence, starts in
        sequence.indices.map { place in Int32(place - (starts.filter { $0 <= place }.max() ?? 0)) }
      }
    }
    return sequences.joined().map { Int32($0) }.withUnsafeBufferPointer { tokens in
      guard let positions else { return body(SequenceTokens(tokens)) }
      return positions.withUnsafeBufferPointer { body(SequenceTokens(tokens, positions: $0)) }
    }
  }

  /// [sequence][position][V], flat.
  func logits(_ sequences: [[Int]], starts: [[Int]]? = nil) -> [Double] {
    var result: [Double] = []
    withTokens(sequences, starts: starts) { tokens in
      pass.logits(parameters: parameters.pointer, tokens: tokens) { _, logits in
        for row in 0..<logits.rows {
          for column in 0..<logits.columns { result.append(Double(logits.pointer[row * logits.stride + column])) }
        }
      }
    }
    return result
  }

  /// The loss sums of each sequence.
  func losses(_ sequences: [[Int]], starts: [[Int]]? = nil) -> [LossSums] {
    withTokens(sequences, starts: starts) { pass.losses(parameters: parameters.pointer, tokens: $0) }
  }

  func lossAndGradient(_ sequences: [[Int]], starts: [[Int]]? = nil, zLoss: Double) -> LossSums {
    gradients.pointer.update(repeating: 0, count: gradients.count)
    return withTokens(sequences, starts: starts) {
      pass.lossAndGradient(
        parameters: parameters.pointer, gradients: gradients.pointer, tokens: $0, zLoss: zLoss
      ) { _ in }
    }
  }

  func gradient(of tensor: ParameterTensor, dividedBy tokens: Int) -> [Double] {
    gradients[tensor.range].map { Double($0) / Double(tokens) }
  }
}
