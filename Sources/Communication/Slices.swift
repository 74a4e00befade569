/// How a range is shared out: `parts` ranges one after another whose lengths differ by one at most, the longer first.
///
/// Rank `r` of `n` owns `range.slice(r, of: n)` of every bucket.
extension Range<Int> {
  /// Part number `index` (from 0) of `parts`; empty where there are fewer elements than parts before it.
  public func slice(_ index: Int, of parts: Int) -> Range<Int> {
    let (length, longer) = count.quotientAndRemainder(dividingBy: parts)
    let start = lowerBound + index * length + Swift.min(index, longer)
    return start..<start + length + (index < longer ? 1 : 0)
  }
}
