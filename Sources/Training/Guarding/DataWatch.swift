import Corpus
import Storage

/// Notices training and validation corpora that somebody changes while the run reads them, before anything that was
/// learned from, or measured on, other tokens is saved.
///
/// Looking is cheap: the open files' sizes and times. What was touched is hashed anew, from the disk and as the run reads
/// it, and what this rank has read of the training corpora since it looked last is read again: a file may have been
/// changed, and changed back. One that was only touched, or has got a new neighbour under its name, is no error.
///
/// Not seen: a change that the file system reports no time for, and, beyond 1 GiB of tokens, one between the blocks of
/// `TokenFile.contentHash()` that was made for good: of that there is a warning.
final class DataWatch {
  private struct Watched {
    let file: TokenFile
    let fingerprint: String
    /// When it was looked at last and held what it should.
    var status: FileStatus
    /// Whether its path names another file, and that was said.
    var isReplaced = false
  }

  private var files: [Watched]
  private let mixture: Mixture
  private let configuration: RunConfiguration
  private let localSequences: [Int]

  // Since the corpora were looked at last.
  private var firstSample: Int
  private var batches = 0
  private var firstDigest: UInt64 = 0
  private var digest: UInt64 = 0
  /// Batches that may have been read ahead before a change was undone, and still have to be read again.
  private var suspicious = 0

  /// How many batches a `BatchReader` reads ahead.
  private static let readAhead = 2

  /// - Parameters:
  ///   - fingerprints: of `sources`, those of `mixture` and further ones, the files' as `TokenFile.fingerprint` has them.
  ///   - localSequences: this rank's.
  ///   - samples: that the run has had before.
  init(
    _ sources: [DataSource], _ fingerprints: [[String]], _ mixture: Mixture, _ configuration: RunConfiguration,
    localSequences: [Int], samples: Int
  ) {
    files = zip(sources.flatMap(\.files), fingerprints.joined()).map {
      Watched(file: $0, fingerprint: $1, status: $0.openedStatus)
    }
    self.mixture = mixture
    self.configuration = configuration
    self.localSequences = localSequences
    firstSample = samples
  }

  /// A step takes this batch.
  func add(_ batch: Batch) {
    batches += 1
    digest = batch.digest
  }

  /// Makes sure that what was read since the last time is what the run was begun with. Not collective.
  ///
  /// - Returns: what the user should know, a sentence each.
  /// - Throws: `CorpusError` where a corpus was changed; `StorageError.failed` where that cannot be found out.
  func check() throws -> [String] {
    var notes: [String] = []
    for index in files.indices {
      let file = files[index].file
      let now = try file.status()
      if now != files[index].status {
        try file.requireContent(files[index].fingerprint, documentMask: configuration.data.documentMask)
        files[index].status = now
        suspicious = DataWatch.readAhead + batches
        if !file.isHashedWhole {
          notes.append(
            "\(file.path) was touched during the run: what its content hash is over is as it was; a change elsewhere in it "
              + "would not be seen (phd corpus verify reads all)")
        }
      }
      if !files[index].isReplaced, let named = try? FileStatus(file.path), !named.isSameFile(as: now) {
        files[index].isReplaced = true
        notes.append(
          "\(file.path) is another file now: this run goes on with the one that it was begun with; a resume takes the new "
            + "one, and is refused where it holds something else")
      }
    }
    if suspicious > 0 { try readAgain() }
    suspicious = max(0, suspicious - batches)
    firstSample += batches * configuration.training.globalBatchSize
    (batches, firstDigest) = (0, digest)
    return notes
  }

  /// Reads what this rank has read since the last time.
  private func readAgain() throws {
    guard batches > 0 else { return }
    var again = BatchSequence(
      try mixture.reopeningTouched(), vocabularySize: configuration.model.vocabularySize,
      globalBatchSize: configuration.training.globalBatchSize, localSequences: localSequences,
      documentMask: configuration.data.documentMask, startingAt: firstSample)
    if try again.digest(ofNext: batches, after: firstDigest) != digest {
      throw DataWatch.changedMeanwhile(mixture.sources.map(\.pattern).joined(separator: ", "))
    }
  }

  /// The error of a corpus that holds something else than was read of it.
  static func changedMeanwhile(_ pattern: String) -> CorpusError {
    CorpusError(
      pattern,
      "was changed while it was being read: what was read of it is not what it holds now; give back the data, and run again"
    )
  }
}
