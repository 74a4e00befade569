extension [(x: Double, y: Double)] {
  /// A line's points, in pixels and ordered by x, reduced to what is visible: the first, lowest, highest and last point of
  /// each half pixel. The line through them covers the same pixels.
  func thinned() -> [(x: Double, y: Double)] {
    extremes { start in
      let column = (self[start].x * 2).rounded(.down)
      var end = start + 1
      while end < count, (self[end].x * 2).rounded(.down) == column { end += 1 }
      return end
    }
  }

  /// A long line's points, reduced to more than the pixels of any chart, with more points at the beginning for logarithmic
  /// axes. Up to 20 000 points are unchanged.
  public func bounded() -> [(x: Double, y: Double)] {
    extremes { start in Swift.min(count, start + Swift.max(1, Swift.min(count / 20_000, start / 2_000))) }
  }

  /// The first, lowest, highest and last point of each piece.
  ///
  /// - Parameter endOfPiece: the end of the piece that starts at an index.
  private func extremes(_ endOfPiece: (_ start: Int) -> Int) -> [(x: Double, y: Double)] {
    var kept: [(x: Double, y: Double)] = []
    var start = 0
    while start < count {
      let end = endOfPiece(start)
      var (low, high) = (start, start)
      for index in start..<end {
        if self[index].y < self[low].y { low = index }
        if self[index].y > self[high].y { high = index }
      }
      var last = -1
      for index in [start, Swift.min(low, high), Swift.max(low, high), end - 1] where index != last {
        kept.append(self[index])
        last = index
      }
      start = end
    }
    return kept
  }
}
