import Training

/// Where in the parameters there is a weight of a tensor that an update does not round back to that of the other ranks
/// after it was changed by one ulp: the one that may grow the most before its ulp does.
///
/// Two numbers that differ by an ulp differ after the same number was added to both, unless the sums have a larger ulp.
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
