import Communication
import Corpus
import Foundation
import Host
import Storage

/// Checks that all ranks see the same contents under the same paths, because nodes may have local disks.
public enum FileConsistency {
  /// A file, or a value read from several files, as one rank sees it.
  public struct Entry {
    /// For messages: `data.train[0] (train.h5)`.
    public let name: String
    /// Equal on two ranks of one machine only if they see the same file.
    let identity: String
    /// Reads the file and describes its contents.
    public let fingerprint: () throws -> String

    /// A file that is open for reading.
    init(_ name: String, _ status: FileStatus, fingerprint: @escaping () throws -> String) {
      self.name = Entry.plain(name)
      identity = "\(status.device) \(status.file) \(status.size)"
      self.fingerprint = fingerprint
    }

    /// A value that every rank has already read.
    public init(_ name: String, read fingerprint: String) {
      let fingerprint = Entry.plain(fingerprint)
      self.name = Entry.plain(name)
      identity = fingerprint
      self.fingerprint = { fingerprint }
    }

    /// The text without the separator of fingerprints, which attributes and paths of a corpus may contain.
    private static func plain(_ text: String) -> String { text.replacing(separator, with: " ") }

    /// A file of any format, compared by all its bytes.
    ///
    /// - Throws: `StorageError`.
    public init(_ name: String, file path: String) throws {
      self.init("\(name) (\(path))", try FileStatus(path)) {
        let digest = ContentDigest()
        var size = 0
        try BlockReader(path).forEachBlock { block in
          digest.update(block)
          size += block.count
        }
        return "\(size) bytes, hash \(digest.hexadecimal)"
      }
    }

    /// Each file of a corpus.
    static func all(_ name: String, _ source: DataSource, documentMask: Bool) -> [Entry] {
      source.files.map { file in
        Entry("\(name) (\(file.path))", file.openedStatus) { try file.fingerprint(documentMask: documentMask) }
      }
    }
  }

  /// Compares the files' contents, unless all ranks have the very same files. Collective.
  ///
  /// - Throws: as ``fingerprints(_:_:)``.
  public static func requireSame(_ entries: [Entry], _ communicator: Communicator) throws {
    let keys = try communicator.allGather(identity(entries, communicator))
    if keys.contains(where: { $0 != keys[0] }) { _ = try fingerprints(entries, communicator) }
  }

  /// Compares the files' contents. Among ranks on one node that have the very same files, only the first reads them.
  /// Collective.
  ///
  /// - Returns: the fingerprints of all entries, the same on every rank.
  /// - Throws: `AgreedError` with the error of reading, or with an `InvalidFileError` that names ranks and hosts if two
  ///   ranks' files differ; `CommunicationError`.
  public static func fingerprints(_ entries: [Entry], _ communicator: Communicator) throws -> [String] {
    let keys = try communicator.allGather(identity(entries, communicator))
    let isReader = keys.firstIndex(of: keys[communicator.rank]) == communicator.rank
    let own = try communicator.agreedNamingRanks { isReader ? try entries.map { try $0.fingerprint() } : [] }
    // If all ranks see the same files, only one of them has read them.
    let root = try communicator.broadcast(own.joined(separator: separator)).components(separatedBy: separator)
    try communicator.agreed {
      let names = try communicator.allGather(isReader && own != root ? difference(own, root, entries) : "")
      guard let other = names.firstIndex(where: { !$0.isEmpty }) else { return }
      let ranks = keys.indices.filter { keys[$0] == keys[other] }
      let hosts = try communicator.allGather(communicator.hostName)
      let named = ranks.prefix(4).map { "rank \($0) on \(hosts[$0])" }.joined(separator: ", ")
      let more = ranks.count > 4 ? " and \(ranks.count - 4) more" : ""
      let parts = names[other].components(separatedBy: separator)
      throw InvalidFileError(
        parts[0],
        "is not the same for all ranks: it holds \(parts[1]) for rank 0 on \(hosts[0]), \(parts[2]) for "
          + "\(named)\(more); copy the same file to every node, or put it where all see it")
    }
    return root
  }

  /// A character that no fingerprint contains.
  private static let separator = "\u{1e}"

  /// The first difference: the name of the entry, rank 0's fingerprint and this rank's.
  private static func difference(_ own: [String], _ root: [String], _ entries: [Entry]) -> String {
    guard own.count == root.count, let index = own.indices.first(where: { own[$0] != root[$0] }) else {
      return ["the data", "\(root.count) files", "\(own.count) files"].joined(separator: separator)
    }
    return [entries[index].name, root[index], own[index]].joined(separator: separator)
  }

  /// Equal for ranks that have the very same files on one machine.
  private static func identity(_ entries: [Entry], _ communicator: Communicator) -> String {
    // The boot id identifies the machine; without it, no two ranks count as equal.
    let boot = SystemFile.text("/proc/sys/kernel/random/boot_id").trimmingCharacters(in: .whitespacesAndNewlines)
    let digest = ContentDigest()
    digest.update("\(communicator.hostName) \(boot.isEmpty ? "rank \(communicator.rank)" : boot)\n")
    for entry in entries {
      digest.update("\(entry.name) \(entry.identity)\n")
    }
    return digest.hexadecimal
  }
}

extension Communicator {
  /// Like `agreed`. If only some ranks fail, the error names them.
  ///
  /// - Throws: `AgreedError`, `CommunicationError`.
  func agreedNamingRanks<Result>(_ work: () throws -> Result) throws -> Result {
    var hasFailed = false
    do {
      return try agreed {
        do {
          return try work()
        } catch {
          hasFailed = true
          throw error
        }
      }
    } catch let error as AgreedError {
      let failed = try allGather(hasFailed ? name : "").filter { !$0.isEmpty }
      if failed.count == size { throw error }
      let more = failed.count > 4 ? " and \(failed.count - 4) more" : ""
      throw AgreedError(
        rank: error.rank,
        message: "\(error.message) (on \(failed.prefix(4).joined(separator: ", "))\(more), not on the other ranks)",
        exitStatus: error.exitStatus)
    }
  }
}
