#if canImport(Glibc)
  import Glibc
#endif

extension CrossEntropy {
  /// The entropy of softmax(row) in nats: log Σ e^z − Σ z e^z / Σ e^z, with z = logit − highest logit.
  public static func entropy(_ row: UnsafeBufferPointer<Float>) -> Float {
    guard let first = row.baseAddress else { return 0 }
    let highest = maximum(first, count: row.count)
    var (sums, products) = (Vector.zero, Vector.zero)
    var (sum, product): (Float, Float) = (0, 0)
    overVectors(row.count) { column in
      let z = first.vector(at: column) - highest
      let value = exp2(z * log2e)
      sums += value
      products = products.addingProduct(z, value)
    } tail: { column in
      let z = first[column] - highest
      let value = exp2(z * log2e)
      sum += value
      product += z * value
    }
    let total = sums.laneSum + sum
    return log(total) - (products.laneSum + product) / total
  }
}
