extension Range<Int> {
  /// Part number `index`, from 0, of this range divided into `parts` consecutive parts. Their lengths differ by at most
  /// one, the longer ones first; a part is empty if there are fewer elements than parts.
  public func slice(_ index: Int, of parts: Int) -> Range<Int> {
    let (length, longer) = count.quotientAndRemainder(dividingBy: parts)
    let start = lowerBound + index * length + Swift.min(index, longer)
    return start..<start + length + (index < longer ? 1 : 0)
  }

  /// Like ``slice(_:of:)``, but divided only at multiples of `granule` elements from the start of the range, so that
  /// the bounds of granules do not depend on `parts`. The last granule may be shorter.
  public func slice(_ index: Int, of parts: Int, granule: Int) -> Range<Int> {
    let granules = (0..<(count + granule - 1) / granule).slice(index, of: parts)
    return lowerBound + Swift.min(granules.lowerBound * granule, count)..<lowerBound
      + Swift.min(granules.upperBound * granule, count)
  }
}
