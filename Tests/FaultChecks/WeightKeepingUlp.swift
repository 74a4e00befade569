import Training

/// The index of a weight of a tensor for which a change by one ulp survives the next update: the weight that can grow
/// the most before its ulp does.
///
/// Two numbers that differ by an ulp still differ after adding the same number, unless the sums have a larger ulp.
func weightThatKeepsAnUlp(of name: String, _ state: TrainingState) -> Int {
  guard let tensor = state.layout.tensors.first(where: { $0.name == name }) else {
    preconditionFailure("the model has no \(name)")
  }
  func room(_ index: Int) -> Float {
    let weight = abs(state.parameters.floats[index])
    return 2 * weight.binade - weight
  }
  guard let index = tensor.range.max(by: { room($0) < room($1) }) else { preconditionFailure("\(name) is empty") }
  return index
}
