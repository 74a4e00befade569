import Storage

// Detects changes of a corpus while it is open.
extension TokenFile {
  /// The status of the open file, even if its path now names another file.
  ///
  /// - Throws: `StorageError.failed`.
  public func status() throws -> FileStatus { try tokens.file.status() }

  /// Whether the file was written to, or its times or names were changed, since it was opened. It does not matter if its
  /// path now names another file, because this one stays open.
  ///
  /// - Throws: `StorageError.failed`.
  public func wasTouched() throws -> Bool { try status() != openedStatus }

  /// The same file, reopened from the disk without the caches of the HDF5 library.
  ///
  /// - Throws: `StorageError`; `InvalidFileError` if it is no longer a corpus.
  public func reopened() throws -> TokenFile { try TokenFile(try tokens.file.reopened()) }

  /// A description of the tokens' number, type and content hash and, with `documentMask`, of the document starts. It
  /// changes if any of these does, within the limits of ``contentHash()`` above 1 GiB.
  ///
  /// - Parameter documentMask: whether the document starts are part of the data.
  /// - Throws: `StorageError`.
  public func fingerprint(documentMask: Bool) throws -> String {
    "\(tokenCount) \(elementType.rawValue) tokens, hash \(try contentHash())"
      + (documentMask ? ", \(try documentFingerprint())" : "")
  }

  /// Whether ``fingerprint(documentMask:)`` covers all tokens.
  public var isFullyHashed: Bool { hashedRanges().count == 1 }

  /// Checks that the file still has the same content, both on the disk and when read through this object. A rewritten
  /// file may have the same tokens at other offsets than the HDF5 library has cached.
  ///
  /// - Parameter fingerprint: the earlier fingerprint.
  /// - Throws: `InvalidFileError` if the content differs or the file is no longer a corpus; `StorageError.failed`.
  public func requireContent(_ fingerprint: String, documentMask: Bool) throws {
    let onDisk = try asChanged { try reopened().fingerprint(documentMask: documentMask) }
    guard onDisk == fingerprint else { throw changed("it now holds \(onDisk), before it held \(fingerprint)") }
    guard try asChanged({ try self.fingerprint(documentMask: documentMask) }) == fingerprint else {
      throw changed("it was written again, with its tokens at other offsets")
    }
  }

  /// Runs `read` and reports its errors, except those of the system, as changes of the file.
  func asChanged<Result>(_ read: () throws -> Result) throws -> Result {
    do {
      return try read()
    } catch let error as StorageError where error.kind != .failed {
      throw changed(error.message)
    } catch let error as InvalidFileError {
      throw changed(error.message)
    }
  }

  /// The error for a file that was changed while it was read.
  func changed(_ how: String) -> InvalidFileError {
    InvalidFileError(path, "was changed while it was being read: \(how); restore the file, then run again")
  }
}

extension InvalidFileError {
  /// The error for corpora whose content no longer matches what was read from them.
  public static func changedMeanwhile(_ pattern: String) -> InvalidFileError {
    InvalidFileError(
      pattern,
      "was changed while it was being read: its content is not what was read before; restore the file, then run again")
  }
}

/// Reads corpora that another process may be writing to.
public enum ConsistentRead {
  /// Opens corpora and runs `body` on them. If a file is touched meanwhile, both are repeated, up to three times in all.
  ///
  /// - Parameters:
  ///   - open: opens the corpora; called for each attempt.
  ///   - files: returns all opened files.
  /// - Throws: `InvalidFileError` if a file was touched in all three attempts; what `open` and `body` throw.
  public static func run<Source, Result>(
    _ open: () throws -> Source, files: (Source) -> [TokenFile], _ body: (Source) throws -> Result
  ) throws -> Result {
    var touched = ""
    for _ in 0..<3 {
      let source = try open()
      let outcome = Swift.Result { try body(source) }
      guard let file = try files(source).first(where: { try $0.wasTouched() }) else { return try outcome.get() }
      touched = file.path
    }
    throw InvalidFileError(
      touched, "was changed during each of three attempts to read it: wait until it is written, then run again")
  }

  /// The same for one corpus.
  public static func run<Result>(_ path: String, _ body: (TokenFile) throws -> Result) throws -> Result {
    try run({ try TokenFile(path) }, files: { [$0] }, body)
  }
}

extension DataSource {
  /// The same corpora, with touched files reopened from the disk.
  ///
  /// - Throws: `InvalidFileError` if one has changed its length or is no longer a corpus; `StorageError.failed`.
  public func reopeningTouched() throws -> DataSource {
    try DataSource(
      pattern,
      files.map { file in
        guard try file.wasTouched() else { return file }
        let fresh = try file.asChanged { try file.reopened() }
        guard fresh.tokenCount == file.tokenCount else {
          throw file.changed("it now holds \(fresh.tokenCount) tokens, before it held \(file.tokenCount)")
        }
        return fresh
      }, sequenceLength: sequenceLength)
  }

  /// Whether one of the files was touched since it was opened.
  public func wasTouched() throws -> Bool { try files.contains { try $0.wasTouched() } }
}
