import Testing

@testable import Reports

@Suite struct SmoothingTests {
  @Test func `means are over the finite numbers in the window`() {
    var values = (0..<60).map { 9 / Double($0 + 1) }
    for index in [7, 20, 33, 46, 59] { values[index] = .nan }
    values[30] = .infinity
    for width in [1, 2, 3, 4, 5, 9, 100] {
      let wanted = width / 2
      let means = Smoothing.means(values, width: width)
      #expect(means.count == values.count)
      for index in values.indices where width > 1 {
        let reach = min(wanted, index / 8)
        let own = values[index - reach..<min(values.count, index + reach + 1)].filter(\.isFinite)
        let expected = own.reduce(0, +) / Double(own.count)
        #expect(abs(means[index] - expected) < 1e-12 || own.isEmpty && means[index].isNaN, "\(width) \(index)")
      }
    }
    #expect(Smoothing.means([1, 2, 3], width: 1) == [1, 2, 3])
    #expect(Smoothing.means([], width: 5).isEmpty)
  }
}
