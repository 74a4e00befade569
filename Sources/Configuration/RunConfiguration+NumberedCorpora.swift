extension RunConfiguration.DataSection {
  /// A training corpus, wherever it is named first.
  package struct Corpus: Equatable {
    package let path: String
    /// Dotted: `data.train[0]`, `data.stages[1].train[0]`.
    package let key: String
  }

  /// A list of entries, and the corpora that they are.
  package struct NumberedStage {
    package let fromStep: Int
    /// Dotted: `data.train`, `data.stages[1].train`.
    package let key: String
    package let entries: [Entry]
    /// Each entry's number among the corpora.
    package let corpora: [Int]
  }

  /// The stages, `data.train` the first, and the corpora in the order in which they are first named. The same path is
  /// the same corpus, unless one list names it twice.
  package var numbered: (corpora: [Corpus], stages: [NumberedStage]) {
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
