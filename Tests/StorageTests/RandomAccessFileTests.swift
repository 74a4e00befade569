import Foundation
import Storage
import TestSupport
import Testing

@Suite struct RandomAccessFileTests {
  @Test func `bytes are read at their positions`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a"
      try write(UInt8(0)..<200, to: path)
      let file = try RandomAccessFile(path)
      #expect(file.size == 200)
      #expect(try file.bytes(at: 0, count: 200) == Array(0..<200))
      #expect(try file.bytes(at: 150, count: 3) == [150, 151, 152])
      #expect(try file.bytes(at: 200, count: 0) == [])
      for (position, count) in [(200, 1), (0, 201), (-1, 2), (5, -1), (.max, .max), (1, .max), (.max, 1)] {
        let error = #expect(throws: StorageError.self) { try file.bytes(at: position, count: count) }
        #expect(error?.kind == .damaged && error?.path == path)
      }
    }
  }

  @Test func `a file that shrinks is detected`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a"
      try write(UInt8(0)..<200, to: path)
      let file = try RandomAccessFile(path)
      try write(UInt8(0)..<100, to: path)
      #expect(throws: StorageError.self) { try file.bytes(at: 50, count: 100) }
      #expect(try file.bytes(at: 50, count: 50).count == 50)
    }
  }

  @Test func `only regular files are opened`() throws {
    try withTemporaryFolder { folder in
      #expect(throws: StorageError.self) { try RandomAccessFile(folder) }
      let missing = #expect(throws: StorageError.self) { try RandomAccessFile(folder + "/none") }
      #expect(missing?.kind == .missing)
      let device = #expect(throws: StorageError.self) { try RandomAccessFile("/dev/zero") }
      #expect(device?.kind == .failed)
    }
  }

  @Test func `bytes are written in order`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a"
      try write(UInt8(0)..<200, to: path)
      var writer = try ByteWriter(emptying: path)
      for byte in UInt8(0)..<3 { try [byte, byte].withUnsafeBytes { try writer.append($0) } }
      #expect(writer.count == 6)
      #expect(try bytes(of: path) == [0, 0, 1, 1, 2, 2])
      #expect(throws: StorageError.self) { _ = try ByteWriter(emptying: folder + "/no/a") }
    }
  }
}
