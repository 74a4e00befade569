import Configuration
import Corpus

extension RunConfiguration {
  /// Opens the training corpora.
  ///
  /// - Throws: `StorageError`, `InvalidFileError`.
  public func openTrainingData() throws -> Mixture {
    let (corpora, stages) = data.numbered
    let sources = try corpora.map { try DataSource($0.path, sequenceLength: data.sequenceLength) }
    if data.documentMask {
      for source in sources { try source.requireDocuments() }
    }
    let schedule = stages.map { stage in
      var weights = corpora.map { _ in 0.0 }
      for (entry, number) in zip(stage.entries, stage.corpora) { weights[number] = entry.weight }
      return SampleSchedule.Stage(start: (stage.fromStep - 1) * training.globalBatchSize, weights: weights)
    }
    return Mixture(sources, stages: schedule, seed: UInt64(seed))
  }
}
