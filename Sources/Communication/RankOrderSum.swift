/// `destination[i] = sources[0][start + i] + sources[1][start + i] + …`, added from the left: the order of rounds and
/// ranks.
///
/// One pass over memory. `destination` may be one of the sources, and must not overlap them otherwise. Each element is
/// summed by itself, so how a range is cut into calls does not change a bit.
///
/// - Parameters:
///   - sources: At least one pointer to `start + count` floats each.
func addInOrder(
  _ sources: UnsafeBufferPointer<UnsafeMutablePointer<Float>>, from start: Int,
  into destination: UnsafeMutablePointer<Float>, count: Int
) {
  let lanes = 16
  let vectorised = count / lanes * lanes
  var offset = 0
  while offset < vectorised {
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
