import Transformer

/// From which position on each layer needs hidden copies, for logits from some position on.
///
/// The last layer queries for the wanted positions alone, and sees hidden keys as far back as the window reaches; these
/// are of the layer's input, which the layer before computes from as far back again, and so on down. The extra cost is
/// bounded by layers · (W − 1) positions, whatever the length of the prompt.
struct DependencyCone {
  /// For each layer, the first position whose hidden copies query, and the first whose keys are needed.
  let queries: [Int]
  let keys: [Int]

  /// - Parameter wanted: the first position whose logits are wanted.
  init(_ model: InferenceModel, wanted: Int) {
    let layers = model.configuration.layers
    var queries = [Int](repeating: wanted, count: layers)
    var keys = queries
    var first = wanted
    for layer in (0..<layers).reversed() {
      queries[layer] = first
      first = model.hiddenDecoding.firstVisible(from: first)
      keys[layer] = first
    }
    self.queries = queries
    self.keys = keys
  }
}
