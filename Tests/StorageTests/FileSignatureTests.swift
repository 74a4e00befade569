import Foundation
import Storage
import TestSupport
import Testing

/// Git LFS pointers and compressed files under any name.
@Suite struct FileSignatureTests {
  static let contents: [(bytes: [UInt8], words: String)] = [
    (
      Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n".utf8),
      "is a Git LFS pointer, not the file itself: fetch the file (git lfs pull)"
    ),
    ([0x1f, 0x8b, 8, 8, 0x65, 0x2a, 0x3f, 0x5e, 0, 3] + Array("c4.json".utf8), "is compressed with gzip"),
    ([0x28, 0xb5, 0x2f, 0xfd, 4, 0x58, 1, 0, 0], "is compressed with zstd"),
    ([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4], "is compressed with zstd"),
    ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4], "is compressed with xz"),
    (Array("BZh91AY&SY".utf8) + [1, 2], "is compressed with bzip2"),
  ]

  private func expectRefused<Result>(
    _ path: String, _ words: String, _ open: () throws -> Result, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: StorageError.self, sourceLocation: sourceLocation) { _ = try open() }
    #expect(
      error?.kind == .damaged && error?.path == path && error?.message.contains(words) == true,
      "\(String(describing: error))",
      sourceLocation: sourceLocation)
  }

  @Test(arguments: contents) func `every reader refuses them`(bytes: [UInt8], words: String) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/model.safetensors"
      // The bytes after the signature do not matter.
      for rest in [0, 5000] {
        try write(bytes + [UInt8](repeating: 7, count: rest), to: path)
        expectRefused(path, words) { try SafetensorsFile(path) }
        expectRefused(path, words) { try HDF5File.open(path) }
        expectRefused(path, words) { try SealedFile.verify(path) }
        expectRefused(path, words) { try RandomAccessFile(path) }
        expectRefused(path, words) { try LineReader(path) }
        expectRefused(path, words) { try TextFile(path) }
        expectRefused(path, words) { try BlockReader(path).forEachBlock { _ in Issue.record("a block was read") } }
      }
    }
  }

  /// Token files may begin with the first bytes of gzip and zstd.
  @Test func `numbers that begin like a signature are read`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/tokens.bin"
      for numbers in [
        [0x1f, 0x8b], [0x1f, 0x8b, 8, 0, 1, 0, 1, 0, 1, 0], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 77], [0x28, 0xb5, 0x2f],
        [0x50, 0x2a, 0x4d], [0xfd, 0x37, 0x7a, 0x58, 0x5a], Array("BZh9".utf8), Array("version https://".utf8), [],
      ] as [[UInt8]] {
        try write(numbers, to: path)
        #expect(try RandomAccessFile(path).bytes(at: 0, count: numbers.count) == numbers)
      }
    }
  }
}

/// Text files.
@Suite struct TextFileTests {
  @Test func `a byte-order mark is removed, and CR LF ends a line`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.txt"
      try write("\u{feff}one\r\n\r\n two\u{301} \nthree".utf8, to: path)
      let file = try TextFile(path)
      #expect(file.lines.map(\.text) == ["one", "", " two\u{301} ", "three"])
      #expect(file.lines.map(\.number) == [1, 2, 3, 4] && file.lines.map(\.isBlank) == [false, true, false, false])
      #expect(file.text.utf8.first == UInt8(ascii: "o"))
      try write([], to: path)
      #expect(try TextFile(path).lines.isEmpty)
    }
  }

  @Test func `invalid UTF-8 is reported with its byte and its line`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.txt"
      for (bytes, place) in [
        (Array("one\r\ncaf".utf8) + [0xe9, 10], "byte 8, in line 2"), ([0xff, 0xfe, 0x61, 0], "byte 0, in line 1"),
        (Array("é".utf8).dropLast(), "byte 0, in line 1"), ([0xed, 0xa0, 0xbd], "byte 0, in line 1"),
      ] as [([UInt8], String)] {
        try write(bytes, to: path)
        let error = #expect(throws: StorageError.self) { try TextFile(path) }
        #expect(error?.kind == .damaged && error?.message.contains("not UTF-8 at \(place)") == true)
      }
      #expect(throws: StorageError.self) { try TextFile(folder) }
      let missing = #expect(throws: StorageError.self) { try TextFile(folder + "/none") }
      #expect(missing?.kind == .missing)
    }
  }
}

/// File names that are not UTF-8.
@Suite struct FileNameTests {
  /// Creates a file with a name that a Swift string cannot represent.
  private func makeFile(_ name: [UInt8], in folder: String) {
    let path = (Array(folder.utf8) + [0x2f] + name + [0]).map { CChar(bitPattern: $0) }
    close(open(path, O_WRONLY | O_CREAT, 0o600))
  }

  @Test func `the names in a folder are read as bytes`() throws {
    try withTemporaryFolder { folder in
      for name in ["b", "a", "é", "e\u{301}", ".c"] { makeFile(Array(name.utf8), in: folder) }
      let names = try Folder.names(in: folder)
      let expected = [".c", "a", "b", "e\u{301}", "é"]
      #expect(names.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
      makeFile([0x63, 0xe9], in: folder)
      let error = #expect(throws: StorageError.self) { try Folder.names(in: folder) }
      #expect(error?.kind == .failed && error?.message.contains("\"c\\xe9\"") == true)
      let missing = #expect(throws: StorageError.self) { try Folder.names(in: folder + "/none") }
      #expect(missing?.kind == .missing)
    }
  }

  @Test func `a link to a name that is not UTF-8 is not followed for writing`() throws {
    try withTemporaryFolder { folder in
      makeFile([0x63, 0xe9], in: folder)
      let (target, link) = ([0x63, 0xe9, 0].map { CChar(bitPattern: $0) }, folder + "/link")
      #expect(symlink(target, link) == 0)
      let error = #expect(throws: StorageError.self) { try WholeFile.write([1], to: link) }
      #expect(error?.message.contains("not UTF-8") == true)
      var status = stat()
      #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    }
  }
}
