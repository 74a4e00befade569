import Foundation

/// The random number generator SplitMix64 (Steele, Lea and Flood, 2014), written independently of the tested code.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A uniform number in (0, 1): the midpoint of one of 2⁵³ equal intervals.
  public mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }

  /// A normal(0, 1) number by the Box-Muller method.
  public mutating func normal() -> Double {
    let radius = (-2 * log(uniform())).squareRoot()
    return radius * cos(2 * Double.pi * uniform())
  }

  /// `count` token ids below `vocabularySize`.
  public mutating func tokens(_ count: Int, vocabularySize: Int) -> [Int] {
    (0..<count).map { _ in Int(next() % UInt64(vocabularySize)) }
  }
}

extension ReferenceModel {
  /// A model with random weights for tests: matrices normal(0, 1/in), norms 1 + normal(0, `normSpread`²).
  ///
  /// The matrices are large enough for logits of order one and attention that is not uniform, and no norm is the
  /// identity, so that a wrong weight is detected. All values are exact in single precision, so that the model under
  /// test has the same weights.
  public static func random(
    seed: UInt64, dimensions: Dimensions, pattern: ReferencePattern, normSpread: Double = 0.2
  ) -> ReferenceModel {
    var generator = SplitMix64(seed: seed)
    var weights: [String: [Double]] = [:]
    for (name, shape) in dimensions.parameterShapes {
      let count = shape.reduce(1, *)
      let isNorm = shape.count == 1
      let deviation = isNorm ? normSpread : 1 / Double(shape[1]).squareRoot()
      weights[name] = (0..<count).map { _ in Double(Float((isNorm ? 1 : 0) + deviation * generator.normal())) }
    }
    return ReferenceModel(dimensions: dimensions, pattern: pattern, weights: weights)
  }

  /// The same weights under another pattern.
  public func with(pattern: ReferencePattern) -> ReferenceModel {
    ReferenceModel(dimensions: dimensions, pattern: pattern, weights: weights)
  }
}
