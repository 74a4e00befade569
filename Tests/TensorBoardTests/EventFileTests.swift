import Foundation
import JSON
import Storage
import TestSupport
import Testing

@testable import TensorBoard

@Suite struct EventFileTests {
  @Test func `the checksum equals the examples of RFC 3720`() {
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(CRC32C.checksum(0..<32 as Range<UInt8>) == 0x46dd_794e)
  }

  @Test func `a record has the encoding of protobuf and TFRecord`() {
    let bytes = EventMessage.scalars([("a", 1.5)], step: 300, wallTime: 2)
    let event: [UInt8] = [
      0x09, 0, 0, 0, 0, 0, 0, 0, 0x40,  // wall_time 2
      0x10, 0xac, 0x02,  // step 300
      0x2a, 0x0a, 0x0a, 0x08, 0x0a, 0x01, 0x61, 0x15, 0, 0, 0xc0, 0x3f,  // summary { value { tag "a", 1.5 } }
    ]
    #expect(Array(bytes[12..<bytes.count - 4]) == event)
    #expect(Array(bytes[..<8]) == [UInt8(event.count), 0, 0, 0, 0, 0, 0, 0])
    // Negative numbers are varints of ten bytes.
    let below = EventMessage.scalars([("a", 1.5)], step: -1, wallTime: 2)
    #expect(Array(below[21..<32]) == [0x10] + [UInt8](repeating: 0xff, count: 9) + [0x01])
    let masked = CRC32C.masked(event)
    #expect(Array(bytes.suffix(4)) == (0..<4).map { UInt8(truncatingIfNeeded: masked >> ($0 * 8)) })
  }

  @Test func `files sort in the order of their creation, even if the clock goes back`() throws {
    let folder = try TemporaryFolder()
    try write([1], to: folder.path + "/events.out.tfevents.1700000000.someone-else")
    let paths = try [100.0, 2e9, 50].map { try EventFile(in: folder.path, from: 1, wallTime: $0).path }
    let names = paths.map { String($0.dropFirst(folder.path.count + 1)) }
    #expect(names == names.sorted() && Set(names).count == 3)
    #expect(try EventFile.names(in: folder.path) == ["events.out.tfevents.1700000000.someone-else"] + names)
    try EventFile.removeAll(in: folder.path)
    #expect(try EventFile.names(in: folder.path) == ["events.out.tfevents.1700000000.someone-else"])
  }

  @Test func `a record's numbers have the tags of its event`() throws {
    let step: JSONValue = ["step": 3, "loss": 2.5, "z_loss": "nan", "tokens": 96]
    #expect(LogScalars.of("step", step).map(\.tag) == ["training/loss", "training/z_loss", "training/tokens"])
    #expect(LogScalars.of("validation", ["step": 3, "set": "books", "loss": 2]).map(\.tag) == ["validation/books"])
    #expect(LogScalars.of("task", ["step": 3, "task": "piqa", "acc": 0.5]).map(\.tag) == ["task/piqa/acc"])
    #expect(LogScalars.of("skipped", ["step": 3, "reason": "spike", "loss": nil, "skipped": 2]).map(\.value) == [2])
    #expect(LogScalars.of("warning", ["step": 3, "message": "m"]).isEmpty)

    let folder = try TemporaryFolder()
    let writer = try TensorBoardWriter(folder: folder.path, continuingFrom: 0)
    #expect(writer.append("step", step) == nil && writer.append("end", ["reason": "finished"]) == nil)
    #expect(try EventFile.names(in: folder.path).count == 1)
    #expect(throws: StorageError.self) { try TensorBoardWriter(folder: folder.path + "/none", continuingFrom: 0) }
  }

  @Test func `a failed write yields one warning, and the run continues`() throws {
    let writer = TensorBoardWriter(EventFile(continuing: try AppendingFile("/dev/full")))
    let warning = try #require(writer.append("step", ["step": 1, "loss": 2]))
    #expect(warning.contains("/dev/full") && warning.contains("phd log export"))
    #expect(writer.append("step", ["step": 2, "loss": 2]) == nil)
  }
}
