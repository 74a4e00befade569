import Tensors

#if canImport(Glibc)
  import Glibc
#endif

extension CrossEntropy {
  static func entropy(_ row: UnsafeBufferPointer<Float>) -> Float {
    guard let first = row.baseAddress else { return 0 }
    let highest = maximum(first, count: row.count)
    var (sums, products) = (Vector.zero, Vector.zero)
    var (sum, product): (Float, Float) = (0, 0)
    overVectors(row.count) { column in
      let z = first.vector(at: column) - highest
      let value = powerOfTwo(z * log2e)
      sums += value
      products = products.adding(z, times: value)
    } tail: { column in
      let z = first[column] - highest
      let value = powerOfTwo(z * log2e)
      sum += value
      product += z * value
    }
    let total = sums.laneSum + sum
    return log(total) - (products.laneSum + product) / total
  }
}
