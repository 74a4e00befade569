import Configuration
import Corpus
import Storage

/// Detects changes to training and validation corpora while the run reads them, before anything learned from or
/// measured on changed tokens is saved.
///
/// A check compares the sizes and times of the open files, which is cheap. A file whose status has changed is hashed
/// again, from the disk and through the run's own handle, and the batches that this rank has read since the last check
/// are read again, because a file may have been changed and then restored. A file that was only touched is no error,
/// and neither is another file that was renamed to its path.
///
/// Not detected: a change for which the file system reports no new time; and, in a corpus of more than 1 GiB of tokens,
/// a permanent change outside the blocks that `TokenFile.contentHash()` covers. Then the user gets a warning that the
/// file was touched.
final class DataWatch {
  private struct Watched {
    let file: TokenFile
    let fingerprint: String
    /// The status at the last check that found the expected content.
    var status: FileStatus
    /// Whether the user got the note that the path now names another file.
    var isReplaced = false
  }

  private var files: [Watched]
  private let mixture: Mixture
  private let configuration: RunConfiguration
  private let localSequences: [Int]

  // The batches since the last check.
  private var firstSample: Int
  private var batches = 0
  private var firstDigest: UInt64 = 0
  private var digest: UInt64 = 0
  /// Batches still to compare, because prefetched ones may be from before a changed file was restored.
  private var suspicious = 0

  /// How many batches a `BatchReader` prefetches.
  private static let readAhead = 2

  /// - Parameters:
  ///   - sources: the sources of `mixture`, and others to watch.
  ///   - fingerprints: `TokenFile.fingerprint` of each file of `sources`.
  ///   - localSequences: this rank's sequences of a global batch.
  ///   - samples: samples that the run has processed before.
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

  /// Adds a batch that a step uses.
  func add(_ batch: Batch) {
    batches += 1
    digest = batch.digest
  }

  /// Checks that the data read since the last check are the data that the run started with. Not collective.
  ///
  /// - Returns: notes for the user, one sentence each.
  /// - Throws: `InvalidFileError` if a corpus was changed; `StorageError.failed` if that cannot be determined.
  func check() throws -> [String] {
    var notes: [String] = []
    for index in files.indices {
      let file = files[index].file
      let now = try file.status()
      if now != files[index].status {
        try file.requireContent(files[index].fingerprint, documentMask: configuration.data.documentMask)
        files[index].status = now
        suspicious = DataWatch.readAhead + batches
        if !file.isFullyHashed {
          notes.append(
            "\(file.path) was modified or touched during the run: the parts covered by its content hash are unchanged; "
              + "changes elsewhere in it would not be noticed")
        }
      }
      if !files[index].isReplaced, let named = try? FileStatus(file.path), !named.isSameFile(as: now) {
        files[index].isReplaced = true
        notes.append(
          "\(file.path) is now another file: this run continues with the one that it started with; a resume reads the "
            + "new one, and is refused if its content differs")
      }
    }
    if suspicious > 0 { try rereadBatches() }
    suspicious = max(0, suspicious - batches)
    firstSample += batches * configuration.training.globalBatchSize
    (batches, firstDigest) = (0, digest)
    return notes
  }

  /// Reads this rank's batches since the last check again and compares their digest.
  private func rereadBatches() throws {
    guard batches > 0 else { return }
    var again = BatchSequence(
      try mixture.reopeningTouched(), vocabularySize: configuration.model.vocabularySize,
      globalBatchSize: configuration.training.globalBatchSize, localSequences: localSequences,
      documentMask: configuration.data.documentMask, startingAt: firstSample)
    if try again.digest(ofNext: batches, after: firstDigest) != digest {
      throw InvalidFileError.changedMeanwhile(mixture.sources.map(\.pattern).joined(separator: ", "))
    }
  }
}
