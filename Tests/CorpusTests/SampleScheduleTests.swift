import TestSupport
import Testing

@testable import Corpus

@Suite struct SampleScheduleTests {
  private static let mixtures: [[Double]] = [
    [1], [1, 1], [0.7, 0.2, 0.1], [5, 1, 1, 1], [3.14159, 2.71828, 1.41421], [1e300, 1e300], [1, 1e-7],
    [0.5, 0.25, 0.125, 0.0625, 0.0625],
  ]

  @Test(arguments: mixtures)
  func everyPrefixKeepsTheShares(weights: [Double]) {
    var cursor = EntryInterleaving(weights: weights).cursor(at: 0)
    let largest = weights.reduce(0, max)
    let total = weights.reduce(0) { $0 + $1 / largest }
    var counts = weights.map { _ in 0 }
    for position in 1...10_000 {
      let (entry, ordinal) = cursor.next()
      #expect(ordinal == counts[entry])
      counts[entry] += 1
      for (count, weight) in zip(counts, weights) {
        let share = Double(position) * weight / largest / total
        if abs(Double(count) - share) >= 1 + 1e-9 {
          Issue.record("\(weights): \(count) draws of \(position), the share is \(share)")
          return
        }
      }
    }
  }

  @Test(arguments: mixtures)
  func aCursorStartsAnywhere(weights: [Double]) {
    let schedule = SampleSchedule(entries: weights.map { .init(sampleCount: 7, weight: $0) }, seed: 2)
    var all = schedule.cursor(at: 0)
    let samples = (0..<1500).map { _ in all.next() }
    for position in [0, 1, 9, 10, 11, 999, 1400] {
      var cursor = schedule.cursor(at: position)
      for offset in 0..<100 { #expect(cursor.next() == samples[position + offset]) }
    }
  }

  @Test func simpleSharesRepeatSoThatAnyPositionIsNear() {
    #expect(EntryInterleaving(weights: [0.7, 0.2, 0.1]).period == 10)
    #expect(EntryInterleaving(weights: [5, 1, 1, 1]).shares == [5, 1, 1, 1])
    var far = EntryInterleaving(weights: [0.7, 0.2, 0.1]).cursor(at: 10_000_000_000_007)
    let (entry, ordinal) = far.next()
    let share = [0.7, 0.2, 0.1][entry] * 10_000_000_000_007
    #expect(abs(Double(ordinal) - share) < 1.01)
  }

  @Test func anEpochVisitsEverySampleOnceAndEachEntryHasItsOwn() {
    let schedule = SampleSchedule(
      entries: [.init(sampleCount: 30, weight: 3), .init(sampleCount: 20, weight: 1)], seed: 9)
    var cursor = schedule.cursor(at: 0)
    var visits: [[Int]: [Int]] = [:]
    for _ in 0..<240 {
      let sample = cursor.next()
      visits[[sample.entry, sample.epoch], default: []].append(sample.index)
    }
    #expect(visits.count == 6 + 3)
    for epoch in 0..<6 { #expect(visits[[0, epoch]]?.sorted() == Array(0..<30)) }
    for epoch in 0..<3 { #expect(visits[[1, epoch]]?.sorted() == Array(0..<20)) }
    #expect(visits[[0, 0]] != visits[[0, 1]])
  }
}
