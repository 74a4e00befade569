/// How a range is shared out: `parts` ranges one after another whose lengths differ by one at most, the longer first.
///
extension Range<Int> {
  /// Part number `index` (from 0) of `parts`; empty where there are fewer elements than parts before it.
  public func slice(_ index: Int, of parts: Int) -> Range<Int> {
    let (length, longer) = count.quotientAndRemainder(dividingBy: parts)
    let start = lowerBound + index * length + Swift.min(index, longer)
    return start..<start + length + (index < longer ? 1 : 0)
  }

  /// The same, cut between granules of so many elements alone, counted from the range's start; only the last granule may
  /// be shorter. Where the bounds of granules lie does not depend on `parts`.
  public func slice(_ index: Int, of parts: Int, granule: Int) -> Range<Int> {
    let granules = (0..<(count + granule - 1) / granule).slice(index, of: parts)
    return lowerBound + Swift.min(granules.lowerBound * granule, count)..<lowerBound
      + Swift.min(granules.upperBound * granule, count)
  }
}
