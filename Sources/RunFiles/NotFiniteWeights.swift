import Host
import Kernels
import Transformer

/// Counts the weights of a file that are not finite.
public struct NotFiniteWeights: Sendable, Equatable, CustomStringConvertible {
  public private(set) var count = 0
  /// "model.norm.weight has nan at element 3".
  private var first = ""

  public init() {}

  /// Checks part of a tensor's weights.
  ///
  /// - Parameter element: the index of the first one in the tensor.
  public mutating func scan(
    _ floats: UnsafeMutableBufferPointer<Float>, of tensor: ParameterTensor, from element: Int = 0
  ) {
    if UnsafeBufferPointer(floats).areFinite { return }
    for (index, value) in floats.enumerated() where !value.isFinite {
      if count == 0 { first = "\(tensor.name) has \(value) at element \(element + index)" }
      count += 1
    }
  }

  /// A message with the first such weight and the number of others.
  public var description: String {
    count == 1 ? "\(first), which is not finite" : "\(first), and \(count - 1) more weights are not finite"
  }
}

/// A file has weights that are not finite.
public struct NotFiniteWeightsError: StatusCarrying, Equatable, CustomStringConvertible {
  public let path: String
  /// The weights found.
  public let weights: NotFiniteWeights

  public init(path: String, weights: NotFiniteWeights) { (self.path, self.weights) = (path, weights) }

  public var exitStatus: ExitStatus { .brokenNumbers }

  public var description: String {
    "\(path): \(weights). Training would produce no finite loss; use another file"
  }
}
