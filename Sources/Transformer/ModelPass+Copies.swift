import Kernels

extension ModelPass {
  /// The prediction of one copy of one token.
  public struct Prediction {
    /// From 0, the original.
    public let copy: Int
    /// sequence · T + position.
    public let row: Int
    /// [V].
    public let logits: UnsafeBufferPointer<Float>
    /// The next token; nil if it begins another document.
    public let target: Int?
  }

  /// Runs a forward pass and reports every copy's residual stream and prediction.
  ///
  /// Only copy K was trained to predict.
  ///
  /// - Parameters:
  ///   - layer: receives the residual stream after each layer, from 0: [K · sequences · T, d], fp32, ordered
  ///     [copy][sequence][position]. The matrix is valid until `layer` returns.
  ///   - prediction: receives the prediction of each row, copy by copy.
  /// - Precondition: ``PassShape/everyCopy`` is set.
  public func inspectCopies(
    parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    layer: (_ layer: Int, _ stream: Matrix) -> Void, prediction: (Prediction) -> Void
  ) {
    precondition(shape.everyCopy, "the shape must set everyCopy: the last layer computes copy K only")
    forward(parameters, tokens: tokens, observe: layer)
    for copy in 0..<shape.hiddenDecoding.repeats {
      let weight = prepareHead(parameters, copy: copy)
      forEachHeadSlice { rows in
        let logits = logits(rows: rows, weight)
        for row in rows {
          let start = logits.pointer + (row - rows.lowerBound) * logits.stride
          prediction(
            Prediction(
              copy: copy, row: row, logits: UnsafeBufferPointer(start: start, count: logits.columns),
              target: targets[row] < 0 ? nil : Int(targets[row])))
        }
      }
    }
  }
}
