import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct FolderTests {
  @Test func `all names are listed in order, and a missing folder is an error`() throws {
    try withTemporaryFolder { folder in
      let names = (0..<300).map { "\($0)-\(String(repeating: "n", count: 200))ü" }
      for name in names { try write([1], to: "\(folder)/\(name)") }
      #expect(try Folder.names(in: folder) == names.sorted())
      #expect(try Folder.namesIfPresent(in: folder + "/none") == [])
      #expect(throws: StorageError(.missing, folder + "/none", "there is no such file")) {
        try Folder.names(in: folder + "/none")
      }
      try FileManager.default.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder + "/loop")
      let error = #expect(throws: StorageError.self) { try Folder.namesIfPresent(in: folder + "/loop") }
      #expect(error?.kind == .failed && error?.message.contains("Too many levels") == true)
    }
  }

  @Test func `setting a file aside overwrites no other file`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/file"
      for number in 1...3 {
        try write([UInt8(number)], to: path)
        let name = try Folder.setAside(path, suffix: ".old")
        #expect(name == path + [".old", ".old-2", ".old-3"][number - 1])
      }
      try FileManager.default.createSymbolicLink(atPath: path + ".old-4", withDestinationPath: "nothing")
      try write([5], to: path)
      #expect(try Folder.setAside(path, suffix: ".old") == path + ".old-5")
      for (number, name) in ["", "-2", "-3", "-5"].enumerated() {
        #expect(try bytes(of: path + ".old" + name) == [number == 3 ? 5 : UInt8(number + 1)])
      }
      #expect(throws: StorageError.self) { try Folder.setAside(path, suffix: ".old") }
    }
  }

  @Test func `a path that cannot be examined is an error, not a missing file`() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder + "/loop")
      #expect(try !FileStatus.exists(folder + "/none"))
      #expect(try FileStatus.exists(folder))
      for path in ["/loop", "/loop/file", "/" + String(repeating: "n", count: 300)] {
        let error = #expect(throws: StorageError.self) { try FileStatus.exists(folder + path) }
        #expect(error?.kind == .failed)
      }
    }
  }

  @Test func `a file that cannot be opened is not reported as damaged`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/loop"
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
      for read in [
        { _ = try HDF5File.open(path) }, { _ = try ByteReader.contents(of: path) }, { _ = try RandomAccessFile(path) },
        { _ = try SafetensorsFile(path) }, { _ = try SealedFile.verify(path) }, { _ = try LineReader(path) },
      ] as [() throws -> Void] {
        let error = #expect(throws: StorageError.self) { try read() }
        #expect(error?.kind == .failed && error?.message.hasSuffix("Too many levels of symbolic links") == true)
      }
    }
  }
}
