/// `destination[i] = sources[0][start + i] + sources[1][start + i] + …`, added from left to right.
///
/// `destination` may be one of the sources plus `start`, and must not overlap the sources otherwise. Elements are
/// summed independently, so the result does not depend on how a range is divided among calls.
///
/// - Parameters:
///   - sources: At least one pointer to `start + count` floats each.
func addInOrder(
  _ sources: UnsafeBufferPointer<UnsafeMutablePointer<Float>>, from start: Int,
  into destination: UnsafeMutablePointer<Float>, count: Int
) {
  let lanes = 16
  let vectorized = count / lanes * lanes
  var offset = 0
  while offset < vectorized {
    var total = load(sources[0], start + offset)
    for source in sources.dropFirst() { total += load(source, start + offset) }
    UnsafeMutableRawPointer(destination + offset).storeBytes(of: total, as: SIMD16<Float>.self)
    offset += lanes
  }
  while offset < count {
    var total = sources[0][start + offset]
    for source in sources.dropFirst() { total += source[start + offset] }
    destination[offset] = total
    offset += 1
  }
}

@inline(__always)
private func load(_ source: UnsafeMutablePointer<Float>, _ offset: Int) -> SIMD16<Float> {
  UnsafeRawPointer(source + offset).loadUnaligned(as: SIMD16<Float>.self)
}
