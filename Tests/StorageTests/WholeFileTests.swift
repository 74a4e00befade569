import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct WholeFileTests {
  private struct Interrupted: Error {}

  @Test func `a file has its name only when it is complete`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file"
      let answer = try WholeFile.write(to: path) { temporaryPath in
        #expect(try !FileStatus.exists(path))
        #expect(temporaryPath != path)
        try write(Array("new".utf8), to: temporaryPath)
        return 7
      }
      #expect(answer == 7)
      #expect(try bytes(of: path) == Array("new".utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
    }
  }

  @Test func `a failed write leaves the old file unchanged`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file"
      try WholeFile.write(Array("old".utf8), to: path)
      #expect(throws: Interrupted.self) {
        try WholeFile.write(to: path) { temporaryPath in
          try write(Array("half".utf8), to: temporaryPath)
          throw Interrupted()
        }
      }
      #expect(try bytes(of: path) == Array("old".utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
    }
  }

  @Test func `checking whether a file can be written does not change it`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file"
      try WholeFile.requireWritable(path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      try WholeFile.write(Array("old".utf8), to: path)
      try WholeFile.requireWritable(path)
      #expect(try bytes(of: path) == Array("old".utf8))
      #expect(throws: StorageError.self) { try WholeFile.requireWritable(folder) }
      #expect(throws: StorageError.self) { try WholeFile.requireWritable(folder + "/none/file") }
    }
  }

  @Test func `the temporary file of a killed writer is replaced`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file.h5"
      try write([UInt8](repeating: 7, count: 100_000), to: path + WholeFile.unfinishedSuffix)
      try WholeFile.write(to: path) { temporaryPath in
        let file = try HDF5File.create(temporaryPath)
        try file.write("numbers", [UInt8(1)])
        try file.close()
      }
      #expect(try HDF5File.open(path).dataset("numbers").array() == [UInt8(1)])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file.h5"])
    }
  }

  @Test func `a second writer of the same file is an error`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file"
      try WholeFile.write(to: path) { temporaryPath in
        try write(Array("first".utf8), to: temporaryPath)
        let error = #expect(throws: StorageError.self) { try WholeFile.write(Array("second".utf8), to: path) }
        #expect(error?.kind == .failed)
      }
      #expect(try bytes(of: path) == Array("first".utf8))
    }
  }

  @Test func `paths that cannot be written are errors`() throws {
    try withTemporaryFolder { folder in
      for path in [folder, folder + "/no/such/folder/file"] {
        let error = #expect(throws: StorageError.self) { try WholeFile.write([1], to: path) }
        #expect(error?.kind == .failed)
      }
    }
  }

  @Test func `a symbolic link stays a link`() throws {
    try withTemporaryFolder { folder in
      let (path, link) = (folder + "/file", folder + "/link")
      try WholeFile.write(Array("old".utf8), to: path)
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "file")
      try WholeFile.write(Array("new".utf8), to: link)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "file")
      #expect(try bytes(of: path) == Array("new".utf8))
    }
  }

  @Test func `errors name the final path`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file"
      let error = #expect(throws: StorageError.self) {
        try WholeFile.write(to: path) { throw StorageError(.failed, $0, "the disk is full") }
      }
      #expect(error?.path == path)
    }
  }
}
