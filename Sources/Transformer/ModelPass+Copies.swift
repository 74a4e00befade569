import Kernels

extension ModelPass {
  /// One row of the head: what a copy of a token predicts.
  public struct Prediction {
    /// From 0, the original.
    public let copy: Int
    /// sequence · T + position.
    public let row: Int
    /// [V].
    public let logits: UnsafeBufferPointer<Float>
    /// The token that follows; nil where it is another text's.
    public let target: Int?
  }

  /// Takes a micro-batch forward and shows what the copies of its tokens are on the way, and what each would predict.
  /// Copies before the last were never trained to predict.
  ///
  /// - Parameters:
  ///   - layer: is given the residual stream after each layer, from 0: [K · sequences · T, d], fp32, ordered
  ///     [copy][sequence][position]. It is good until `layer` returns.
  ///   - prediction: is given each row's logits, copy after copy.
  /// - Precondition: the pass's shape is of ``PassShape/everyCopy``.
  public func eachCopy(
    parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    layer: (_ layer: Int, _ stream: Matrix) -> Void, prediction: (Prediction) -> Void
  ) {
    precondition(shape.everyCopy, "the last layer has copy K alone")
    forward(parameters, tokens: tokens, observe: layer)
    for copy in 0..<shape.hiddenDecoding.repeats {
      let weight = beginHead(parameters, copy: copy)
      eachHeadSlice { rows in
        let logits = logits(rows: rows, weight)
        for row in rows {
          let place = logits.pointer + (row - rows.lowerBound) * logits.stride
          prediction(
            Prediction(
              copy: copy, row: row, logits: UnsafeBufferPointer(start: place, count: logits.columns),
              target: targets[row] < 0 ? nil : Int(targets[row])))
        }
      }
    }
  }
}
