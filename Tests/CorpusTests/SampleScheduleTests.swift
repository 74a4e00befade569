import TestSupport
import Testing

@testable import Corpus

@Suite struct SampleScheduleTests {
  private static let mixtures: [[Double]] = [
    [1], [1, 1], [1, 2], [3.14159265, 2.71828183], [0.7, 0.2, 0.1], [5, 1, 1, 1], [3.14159, 2.71828, 1.41421],
    [1e300, 1e300], [1, 1e-7],
    [0.5, 0.25, 0.125, 0.0625, 0.0625],
  ]

  @Test(arguments: mixtures)
  func `every prefix keeps the shares`(weights: [Double]) {
    var cursor = EntryInterleaving(stages: [(0, weights)]).cursor(at: 0)
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
  func `a cursor can start at any position`(weights: [Double]) {
    let schedule = SampleSchedule(
      sampleCounts: weights.map { _ in 7 }, stages: [SampleSchedule.Stage(weights: weights)], seed: 2)
    var all = schedule.cursor(at: 0)
    let samples = (0..<1500).map { _ in all.next() }
    for position in [0, 1, 9, 10, 11, 999, 1400] {
      var cursor = schedule.cursor(at: position)
      for offset in 0..<100 { #expect(cursor.next() == samples[position + offset]) }
    }
  }

  @Test func `simple shares have short periods, so any position is reached quickly`() {
    #expect(EntryInterleaving(stages: [(0, [0.7, 0.2, 0.1])]).stages[0].period == 10)
    #expect(EntryInterleaving(stages: [(0, [5, 1, 1, 1])]).stages[0].period == 8)
    #expect(EntryInterleaving(stages: [(0, [0.123457, 0.876543])]).stages[0].period == 1_000_000)
    var far = EntryInterleaving(stages: [(0, [0.7, 0.2, 0.1])]).cursor(at: 10_000_000_000_007)
    let (entry, ordinal) = far.next()
    let share = [0.7, 0.2, 0.1][entry] * 10_000_000_000_007
    #expect(abs(Double(ordinal) - share) < 1.01)
  }

  @Test func `an epoch visits every sample once, and each entry has its own epochs`() {
    let schedule = SampleSchedule(
      sampleCounts: [30, 20], stages: [SampleSchedule.Stage(weights: [3, 1])], seed: 9)
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

  // MARK: Stages

  private static let staged: [[(start: Int, weights: [Double])]] = [
    [(0, [7, 3]), (100, [2, 8])],
    [(0, [7, 3, 0]), (55, [0, 3, 7]), (301, [1, 1, 1])],
    [(0, [1, 1, 0]), (1, [1, 0, 0]), (7, [0, 1, 2]), (8, [3.14159, 2.71828, 0])],
    [(0, [0.6, 0.4, 0, 0]), (33, [0.1, 0.2, 0.3, 0.4]), (1000, [0, 0, 1, 0])],
  ]

  @Test(arguments: 0..<4)
  func `stages keep the shares of the whole run`(number: Int) {
    let stages = Self.staged[number]
    var cursor = EntryInterleaving(stages: stages).cursor(at: 0)
    var (counts, shares) = (stages[0].weights.map { _ in 0 }, stages[0].weights.map { _ in 0.0 })
    var (least, most) = (shares, shares)
    for position in 0..<5000 {
      let weights = stages.last { $0.start <= position }?.weights ?? []
      let (entry, ordinal) = cursor.next()
      #expect(weights[entry] > 0 && ordinal == counts[entry])
      counts[entry] += 1
      for (entry, weight) in weights.enumerated() {
        shares[entry] += weight / weights.reduce(0, +)
        let excess = Double(counts[entry]) - shares[entry]
        (least[entry], most[entry]) = (min(least[entry], excess), max(most[entry], excess))
      }
    }
    for (least, most) in zip(least, most) { #expect(least > -1 && most < 1 && most - least < 2) }
  }

  @Test(arguments: 0..<4)
  func `a cursor can start at any position of any stage`(number: Int) {
    let stages = Self.staged[number].map { SampleSchedule.Stage(start: $0.start, weights: $0.weights) }
    let schedule = SampleSchedule(sampleCounts: stages[0].weights.indices.map { 5 + 3 * $0 }, stages: stages, seed: 2)
    var all = schedule.cursor(at: 0)
    let samples = (0..<2000).map { _ in all.next() }
    for position in [0, 1, 6, 7, 8, 33, 54, 55, 99, 100, 101, 300, 301, 302, 999, 1000, 1777] {
      var cursor = schedule.cursor(at: position)
      for offset in 0..<100 { #expect(cursor.next() == samples[position + offset]) }
    }
  }

  /// So a later stage may be changed until it begins.
  @Test func `a later stage does not change earlier samples`() {
    let stages = Self.staged[1]
    let (all, first) = (EntryInterleaving(stages: stages), EntryInterleaving(stages: [stages[0]]))
    let (cursors) = (all.cursor(at: 0), first.cursor(at: 0))
    var (one, other) = cursors
    for _ in 0..<55 { #expect(one.next() == other.next()) }
  }

  @Test func `a corpus keeps its position from stage to stage`() {
    let schedule = SampleSchedule(
      sampleCounts: [40, 10], stages: [.init(start: 0, weights: [1, 0]), .init(start: 25, weights: [3, 1])], seed: 3)
    var cursor = schedule.cursor(at: 0)
    let samples = (0..<45).map { _ in cursor.next() }
    let first = samples.filter { $0.entry == 0 }
    #expect(first.count == 40 && Set(first.map(\.index)).count == 40 && first.allSatisfy { $0.epoch == 0 })
    #expect(samples[..<25].allSatisfy { $0.entry == 0 })
  }

  @Test func `a position in a late stage is reached quickly`() {
    let far = 1 << 60
    let schedule = SampleSchedule(
      sampleCounts: [40, 10, 7],
      stages: [
        .init(weights: [5, 1, 1]), .init(start: far, weights: [1, 0.5, 0.3]),
        .init(start: 2 * far, weights: [1, 1, 1]),
      ],
      seed: 3)
    var cursor = schedule.cursor(at: 2 * far + far / 3)
    #expect((0..<3).map { _ in cursor.next().entry }.sorted() == [0, 1, 2])
  }
}
