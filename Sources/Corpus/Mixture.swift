/// What a run's samples are drawn from.
public struct Mixture: Sendable {
  /// The corpora of all stages, each once.
  public let sources: [DataSource]
  /// In which order their samples come.
  public let schedule: SampleSchedule

  /// - Parameters:
  ///   - sources: at least one, all of one sequence length.
  ///   - stages: with a weight for each source.
  public init(_ sources: [DataSource], stages: [SampleSchedule.Stage], seed: UInt64) {
    precondition(Set(sources.map(\.sequenceLength)).count == 1)
    self.sources = sources
    schedule = SampleSchedule(sampleCounts: sources.map(\.sampleCount), stages: stages, seed: seed)
  }

  /// Of the same samples in the same order, from the same corpora: `sources` are them, opened anew.
  private init(_ sources: [DataSource], schedule: SampleSchedule) {
    self.sources = sources
    self.schedule = schedule
  }

  /// The same, with the files that somebody has touched read anew from the disk.
  ///
  /// - Throws: as ``DataSource/reopeningTouched()``.
  public func reopeningTouched() throws -> Mixture {
    Mixture(try sources.map { try $0.reopeningTouched() }, schedule: schedule)
  }

  /// One stage.
  public init(_ sources: [DataSource], weights: [Double], seed: UInt64) {
    self.init(sources, stages: [SampleSchedule.Stage(weights: weights)], seed: seed)
  }
}
