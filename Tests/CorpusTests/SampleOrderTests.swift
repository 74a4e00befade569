import TestSupport
import Testing

@testable import Corpus

@Suite struct SampleOrderTests {
  private func order(_ count: Int, seed: UInt64 = 0, entry: Int = 0, epoch: Int = 0) -> [Int] {
    let order = SampleOrder(count: count, seed: seed, entry: entry, epoch: epoch)
    return (0..<count).map { order[$0] }
  }

  @Test func `every sample occurs once`() {
    for count in Array(1...200) + [255, 256, 257, 1000, 65_536, 65_537, 100_003] {
      #expect(order(count, seed: 3, epoch: 1).sorted() == Array(0..<count), "\(count) samples")
    }
  }

  @Test func `very large counts stay in range without repetition`() {
    for count in [(1 << 31) + 1, 1 << 40, (1 << 40) + 12_345] {
      let order = SampleOrder(count: count, seed: 1, entry: 0, epoch: 0)
      let positions = (0..<20_000).flatMap { [$0, count - 1 - $0] }
      let samples = Set(positions.map { order[$0] })
      #expect(samples.count == positions.count)
      #expect(samples.allSatisfy { 0 <= $0 && $0 < count })
    }
  }

  @Test func `epochs, seeds and entries have different orders`() {
    for count in [5, 12, 13, 16, 40, 1000] {
      let orders = [
        order(count), order(count, epoch: 1), order(count, epoch: 2), order(count, seed: 1), order(count, entry: 1),
      ]
      #expect(Set(orders).count == orders.count, "\(count) samples")
      #expect(order(count) == orders[0])
    }
  }

  @Test func `small corpora use all orders before repeating one`() {
    for (count, permutations) in [(1, 1), (2, 2), (3, 6), (4, 24), (5, 120), (6, 720)] {
      for seed in UInt64(0)..<5 {
        let orders = Set((0..<permutations).map { order(count, seed: seed, epoch: $0) })
        #expect(orders.count == permutations, "\(count) samples")
        #expect(order(count, seed: seed, epoch: permutations) == order(count, seed: seed))
      }
    }
  }

  /// In a random permutation of n samples, the mean of |order[i] − i| is n/3, about one sample is a fixed point, and about
  /// one is followed by its successor.
  @Test(arguments: [500, 1000, 4097])
  func `the order looks random`(count: Int) {
    let samples = order(count, seed: 11)
    let distance = samples.enumerated().reduce(0) { $0 + abs($1.element - $1.offset) } / count
    #expect(abs(distance - count / 3) < count / 20)
    #expect(samples.enumerated().filter { $0.element == $0.offset }.count < 10)
    #expect(zip(samples, samples.dropFirst()).filter { $1 == $0 + 1 }.count < 10)
  }

  /// The place of a sample is uniform over the epochs: chi-squared with up to 15 degrees of freedom, for an enumerated and
  /// a computed order.
  @Test(arguments: [8, 16])
  func `every place is equally likely`(count: Int) {
    let epochs = 4000
    for sample in [0, count - 1] {
      var places = [Int](repeating: 0, count: count)
      for epoch in 0..<epochs {
        if let place = order(count, seed: 5, epoch: epoch).firstIndex(of: sample) { places[place] += 1 }
      }
      let expected = Double(epochs) / Double(count)
      let chiSquared = places.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
      #expect(chiSquared < 45, "sample \(sample): \(places)")
    }
  }
}
