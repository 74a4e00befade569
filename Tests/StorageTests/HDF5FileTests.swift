import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct HDF5FileTests {
  private func roundTrip<Element: HDF5Element & Equatable>(_ elements: [Element]) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/numbers.h5"
      let written = try HDF5File.create(path)
      try written.write("/some/group/numbers", elements)
      try written.close()

      let dataset = try HDF5File.open(path).dataset("some/group/numbers")
      #expect(dataset.shape == [elements.count])
      #expect(dataset.elementType == Element.hdf5Type)
      #expect(try dataset.array(of: Element.self) == elements)
      var middle = Array(elements[1..<3])
      try middle.withUnsafeMutableBufferPointer { try dataset.read(from: 2, into: $0) }
      #expect(middle == Array(elements[2..<4]))
    }
  }

  @Test func `every element type is read back`() throws {
    try roundTrip([UInt8.min, 1, 2, 127, .max])
    try roundTrip([UInt16.min, 1, 2, 40_000, .max])
    try roundTrip([UInt32.min, 1, 2, 3_000_000_000, .max])
    try roundTrip([UInt64.min, 1, 2, 1 << 63, .max])
    try roundTrip([Int32.min, -1, 0, 2, .max])
    try roundTrip([Int64.min, -1, 0, 2, .max])
    try roundTrip([Float.leastNonzeroMagnitude, -0.0, 1.5, .infinity, -.greatestFiniteMagnitude])
    try roundTrip([Double.leastNonzeroMagnitude, -0.0, 1.5, .infinity, -.greatestFiniteMagnitude])
  }

  @Test func `shapes are read back`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/shapes.h5"
      let written = try HDF5File.create(path)
      for shape in [[], [0], [1], [2, 3], [4, 0, 2], [2, 3, 4]] {
        let elements = (0..<shape.reduce(1, *)).map { Float($0) }
        try elements.withUnsafeBufferPointer { try written.write("s\(shape.count)-\(shape)", shape: shape, from: $0) }
      }
      try written.close()
      let file = try HDF5File.open(path)
      for shape in [[], [0], [1], [2, 3], [4, 0, 2], [2, 3, 4]] {
        let dataset = try file.dataset("s\(shape.count)-\(shape)")
        #expect(dataset.shape == shape)
        #expect(try dataset.array(of: Float.self) == (0..<shape.reduce(1, *)).map { Float($0) })
      }
    }
  }

  @Test func `attributes are read back`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/attributes.h5"
      let long = String(repeating: "längere Zeile\n", count: 20_000)
      let written = try HDF5File.create(path)
      try written.write("weights", [Float(1)])
      try written.setAttribute("format", to: "phd-checkpoint")
      try written.setAttribute("empty", to: "")
      try written.setAttribute("config", to: long)
      try written.setAttribute("step", to: 1)
      try written.setAttribute("step", to: 250)  // replaces the first
      try written.setAttribute("least", to: Int64.min)
      try written.setAttribute("seed", to: UInt64.max)
      try written.setAttribute("rate", to: 0.1)
      try written.setAttribute("unit", of: "weights", to: "none")
      try written.close()

      let file = try HDF5File.open(path)
      #expect(try file.attributeNames() == ["config", "empty", "format", "least", "rate", "seed", "step"])
      #expect(try file.stringAttribute("format") == "phd-checkpoint")
      #expect(try file.stringAttribute("empty") == "")
      #expect(try file.stringAttribute("config") == long)
      #expect(try file.integerAttribute("step") == 250)
      #expect(try file.integerAttribute("least", as: Int64.self) == .min)
      #expect(try file.integerAttribute("seed", as: UInt64.self) == .max)
      #expect(try file.doubleAttribute("rate") == 0.1)
      #expect(try file.doubleAttribute("step") == 250)
      #expect(try file.stringAttribute("unit", of: "/weights") == "none")
      #expect(try file.stringAttribute("not there") == nil)
      #expect(throws: StorageError.self) { try file.integerAttribute("seed", as: Int64.self) }
      #expect(throws: StorageError.self) { try file.integerAttribute("format") }
      #expect(throws: StorageError.self) { try file.stringAttribute("step") }
      #expect(throws: StorageError.self) { try file.stringAttribute("unit", of: "/nowhere") }
    }
  }

  @Test func `groups are listed`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/groups.h5"
      let written = try HDF5File.create(path)
      try written.write("model/b", [Float(1)])
      try written.write("model/a.weight", [Float(1)])
      try written.write("state/random", [UInt64(1)])
      try written.close()
      let file = try HDF5File.open(path)
      #expect(try file.children().map { $0.name } == ["model", "state"])
      #expect(
        try file.children(of: "/model") == [
          .init(name: "a.weight", kind: .dataset), .init(name: "b", kind: .dataset),
        ])
      #expect(try file.exists("/model/b"))
      #expect(try !file.exists("/model/b/c"))
      #expect(try !file.exists("/nowhere/b"))
      #expect(throws: StorageError.self) { try file.children(of: "/model/b") }
      #expect(throws: StorageError.self) { try file.dataset("/model") }
    }
  }

  @Test func `extendable datasets grow`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/growing.h5"
      let written = try HDF5File.create(path)
      let growing = try written.makeExtendable("tokens", storing: .uint16, of: UInt32.self, chunkElements: 10)
      var expected: [UInt32] = []
      for length in [0, 1, 9, 10, 3, 40] {
        let part = (0..<length).map { UInt32(expected.count + $0) }
        try part.withUnsafeBufferPointer { try growing.append($0) }
        expected += part
      }
      #expect(growing.count == expected.count)
      try written.close()
      let dataset = try HDF5File.open(path).dataset("tokens")
      #expect(dataset.elementType == .uint16)
      #expect(try dataset.array(of: UInt32.self) == expected)
    }
  }

  @Test func `wrong counts and ranges are errors`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/numbers.h5"
      let written = try HDF5File.create(path)
      try written.write("numbers", [UInt8](0..<10))
      try written.close()
      let dataset = try HDF5File.open(path).dataset("numbers")
      var buffer = [UInt8](repeating: 0, count: 9)
      try buffer.withUnsafeMutableBufferPointer { buffer in
        #expect(throws: StorageError.self) { try dataset.read(into: buffer) }
        for offset in [-1, 2, 10, Int.max] {
          #expect(throws: StorageError.self) { try dataset.read(from: offset, into: buffer) }
        }
        try dataset.read(from: 1, into: buffer)
      }
      #expect(buffer == [UInt8](1..<10))
    }
  }

  @Test func `use after closing is an error`() throws {
    try withTemporaryFolder { folder in
      let file = try HDF5File.create(folder + "/a.h5")
      let growing = try file.makeExtendable("tokens", storing: .uint8, of: UInt8.self, chunkElements: 10)
      try file.close()
      try file.close()
      #expect(throws: StorageError.self) { try file.setAttribute("a", to: 1) }
      #expect(throws: StorageError.self) { try [UInt8(1)].withUnsafeBufferPointer { try growing.append($0) } }
    }
  }

  @Test func `files that are not HDF5 files are refused`() throws {
    try withTemporaryFolder { folder in
      func kind(_ path: String) -> StorageError.Kind? {
        do {
          _ = try HDF5File.open(path)
          return nil
        } catch {
          return (error as? StorageError)?.kind
        }
      }
      let path = folder + "/whole.h5"
      let written = try HDF5File.create(path)
      try written.write("numbers", [Float](repeating: 1, count: 1000))
      try written.close()
      let whole = try bytes(of: path)

      #expect(kind(folder + "/nothing.h5") == .missing)
      #expect(kind(path + "/below-a-file.h5") == .missing)
      #expect(kind(folder) == .damaged)
      #expect(kind("/dev/null") == .damaged)
      try write([], to: folder + "/empty.h5")
      #expect(kind(folder + "/empty.h5") == .damaged)
      try write(Array("a text, no numbers".utf8), to: folder + "/text.h5")
      #expect(kind(folder + "/text.h5") == .damaged)
      for length in [1, 8, 40, 100, whole.count / 2, whole.count - 1] {
        try write(whole[..<length], to: folder + "/cut.h5")
        #expect(kind(folder + "/cut.h5") == .damaged, "cut to \(length) bytes")
      }
      #expect(kind(path) == nil)
    }
  }

  @Test func `a file in a missing folder cannot be created`() throws {
    let error = #expect(throws: StorageError.self) { try HDF5File.create("/no/such/folder/a.h5") }
    #expect(error?.kind == .failed)
  }
}
