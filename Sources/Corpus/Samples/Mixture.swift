/// The corpora that a run draws samples from, and the order of the samples.
public struct Mixture: Sendable {
  /// The corpora of all stages, each once.
  public let sources: [DataSource]
  /// The order of their samples.
  public let schedule: SampleSchedule

  /// - Parameters:
  ///   - sources: at least one, all with the same sequence length.
  ///   - stages: each with a weight for each source.
  public init(_ sources: [DataSource], stages: [SampleSchedule.Stage], seed: UInt64) {
    precondition(Set(sources.map(\.sequenceLength)).count == 1)
    self.sources = sources
    schedule = SampleSchedule(sampleCounts: sources.map(\.sampleCount), stages: stages, seed: seed)
  }

  /// The same mixture with its corpora reopened as `sources`.
  private init(_ sources: [DataSource], schedule: SampleSchedule) {
    self.sources = sources
    self.schedule = schedule
  }

  /// The same mixture, with touched files reopened from the disk.
  ///
  /// - Throws: as ``DataSource/reopeningTouched()``.
  public func reopeningTouched() throws -> Mixture {
    Mixture(try sources.map { try $0.reopeningTouched() }, schedule: schedule)
  }

  /// A mixture with one stage.
  public init(_ sources: [DataSource], weights: [Double], seed: UInt64) {
    self.init(sources, stages: [SampleSchedule.Stage(weights: weights)], seed: seed)
  }
}
