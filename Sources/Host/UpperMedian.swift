extension [Double] {
  /// The median; for an even number of elements the larger of the two middle ones, so that it is a measured value.
  ///
  /// - Precondition: the array is not empty.
  public var upperMedian: Double { sorted()[count / 2] }
}
