import Corpus

extension RunConfiguration.Data {
  /// A training corpus, wherever it is named first.
  struct Corpus: Equatable {
    let path: String
    /// Dotted: `data.train[0]`, `data.stages[1].train[0]`.
    let key: String
  }

  /// A list of entries, and the corpora that they are.
  struct NumberedStage {
    let fromStep: Int
    /// Dotted: `data.train`, `data.stages[1].train`.
    let key: String
    let entries: [Entry]
    /// Each entry's number among the corpora.
    let corpora: [Int]
  }

  /// The stages, `data.train` the first, and the corpora in the order in which they are first named. The same path is
  /// the same corpus, unless one list names it twice.
  var numbered: (corpora: [Corpus], stages: [NumberedStage]) {
    var corpora: [Corpus] = []
    var stages: [NumberedStage] = []
    let lists =
      [(fromStep: 1, key: "data.train", entries: train)]
      + self.stages.enumerated().map { ($1.fromStep, "data.stages[\($0)].train", $1.train) }
    for (fromStep, key, entries) in lists {
      var numbers: [Int] = []
      for (index, entry) in entries.enumerated() {
        let known = corpora.indices.first { corpora[$0].path == entry.path && !numbers.contains($0) }
        if known == nil { corpora.append(Corpus(path: entry.path, key: "\(key)[\(index)]")) }
        numbers.append(known ?? corpora.count - 1)
      }
      stages.append(NumberedStage(fromStep: fromStep, key: key, entries: entries, corpora: numbers))
    }
    return (corpora, stages)
  }
}

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
