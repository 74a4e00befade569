import Storage

// Detects that a corpus is modified while it is open.
extension TokenFile {
  /// The status of the open file, whatever its path names by now.
  ///
  /// - Throws: `StorageError.failed`.
  public func status() throws -> FileStatus { try tokens.file.status() }

  /// Whether somebody has written into the file, or changed its times or names, since it was opened. What other file its
  /// path may name by now does not matter: this one stays open.
  ///
  /// - Throws: `StorageError.failed`.
  public func wasTouched() throws -> Bool { try status() != openedStatus }

  /// The same file read anew from the disk, without what the HDF5 library remembers of it.
  ///
  /// - Throws: `StorageError`, `InvalidFileError` where it is no corpus any more.
  public func reopened() throws -> TokenFile { try TokenFile(try tokens.file.reopened()) }

  /// Length, type and content of the tokens, and of the documents' starts where they count, in words that change when
  /// any of these does; as ``contentHash()``, which has its limits beyond 1 GiB.
  ///
  /// - Parameter documentMask: whether where documents start is part of the data.
  /// - Throws: `StorageError`.
  public func fingerprint(documentMask: Bool) throws -> String {
    "\(tokenCount) \(elementType.rawValue) tokens, hash \(try contentHash())"
      + (documentMask ? ", \(try documentFingerprint())" : "")
  }

  /// Whether ``fingerprint(documentMask:)`` is over all of the tokens.
  public var isHashedWhole: Bool { hashedRanges().count == 1 }

  /// Makes sure that the file holds what it held, on the disk and as it is read through this object: a file that was
  /// written anew may have the same tokens at other places than those where the HDF5 library looks for them.
  ///
  /// - Parameter fingerprint: what it held.
  /// - Throws: `InvalidFileError` where it holds something else, or is no corpus any more; `StorageError.failed`.
  public func requireContent(_ fingerprint: String, documentMask: Bool) throws {
    let onDisk = try asChanged { try reopened().fingerprint(documentMask: documentMask) }
    guard onDisk == fingerprint else { throw changed("it now holds \(onDisk), before it held \(fingerprint)") }
    guard try asChanged({ try self.fingerprint(documentMask: documentMask) }) == fingerprint else {
      throw changed("it was written again, with its tokens at other places")
    }
  }

  /// Runs `read`, whose errors, but those of the system, are those of a file that was changed.
  func asChanged<Result>(_ read: () throws -> Result) throws -> Result {
    do {
      return try read()
    } catch let error as StorageError where error.kind != .failed {
      throw changed(error.message)
    } catch let error as InvalidFileError {
      throw changed(error.message)
    }
  }

  /// The error of a file that was changed while it was read.
  func changed(_ how: String) -> InvalidFileError {
    InvalidFileError(path, "was changed while it was being read: \(how); restore the file, then run again")
  }
}

extension InvalidFileError {
  /// The error for corpora whose content differs from what was read of them.
  public static func changedMeanwhile(_ pattern: String) -> InvalidFileError {
    InvalidFileError(
      pattern,
      "was changed while it was being read: it no longer holds what was read from it; restore the file, then run again")
  }
}

/// Reading corpora that somebody may be writing into.
public enum UntouchedReading {
  /// Opens corpora and has `body` read them; if somebody touches one of the files meanwhile, all is done again.
  ///
  /// - Parameters:
  ///   - open: opens them, anew each time.
  ///   - files: all that were opened.
  /// - Throws: `InvalidFileError` where a file was touched each of three times; what `open` and `body` throw.
  public static func of<Source, Result>(
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
  public static func of<Result>(_ path: String, _ body: (TokenFile) throws -> Result) throws -> Result {
    try of({ try TokenFile(path) }, files: { [$0] }, body)
  }
}

extension DataSource {
  /// The same corpora, those that somebody has touched read anew from the disk.
  ///
  /// - Throws: `InvalidFileError` where one has changed its length or is no corpus any more; `StorageError.failed`.
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

  /// Whether somebody has touched one of the files since it was opened.
  public func wasTouched() throws -> Bool { try files.contains { try $0.wasTouched() } }
}
