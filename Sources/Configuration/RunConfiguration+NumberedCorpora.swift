extension RunConfiguration.DataSection {
  /// A training corpus and the first key that names it.
  package struct Corpus: Equatable {
    package let path: String
    /// Dotted: `data.train[0]`, `data.stages[1].train[0]`.
    package let key: String
  }

  /// A list of entries with the numbers of their corpora.
  package struct NumberedStage {
    package let fromStep: Int
    /// Dotted: `data.train`, `data.stages[1].train`.
    package let key: String
    package let entries: [Entry]
    /// The index of each entry's corpus.
    package let corpora: [Int]
  }

  /// The stages, with `data.train` as the first, and the corpora in the order in which the stages first name them.
  /// Equal paths are the same corpus, unless one list has the path twice.
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
