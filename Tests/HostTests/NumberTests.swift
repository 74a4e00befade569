import Host
import Testing

@Suite struct NumberTests {
  @Test func `SplitMix64 gives the published numbers for the seed 1234567`() {
    let states = (0..<3).map { UInt64(1_234_567) &+ $0 &* SplitMix64.increment }
    #expect(
      states.map(SplitMix64.mixed) == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      ])
  }

  @Test func `the upper median is the middle element or the larger of the two middle ones`() {
    #expect([7.0].upperMedian == 7)
    #expect([3.0, 9, 1].upperMedian == 3)
    #expect([4.0, 1, 3, 2].upperMedian == 3)
  }

  @Test func `a duration in seconds includes the fraction`() {
    #expect(Duration.milliseconds(1_500).inSeconds == 1.5)
  }
}
