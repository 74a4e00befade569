extension [(x: Double, y: Double)] {
  /// The places of a line, from left to right, with as many as a reader can see: of those that share half a pixel, the
  /// first, the lowest, the highest and the last. The line through them covers the same pixels.
  func thinned() -> [(x: Double, y: Double)] {
    extremes { start in
      let column = (self[start].x * 2).rounded(.down)
      var end = start + 1
      while end < count, (self[end].x * 2).rounded(.down) == column { end += 1 }
      return end
    }
  }

  /// The points of a long line, thinned before anyone knows how wide the chart will be: to more than any has pixels, and
  /// with more of its beginning, for logarithmic axes. Up to 20 000 points stay as they are.
  public func bounded() -> [(x: Double, y: Double)] {
    extremes { start in Swift.min(count, start + Swift.max(1, Swift.min(count / 20_000, start / 2_000))) }
  }

  /// Of each piece the first, the lowest, the highest and the last point.
  ///
  /// - Parameter endOfPiece: where the piece that begins at an index ends.
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
