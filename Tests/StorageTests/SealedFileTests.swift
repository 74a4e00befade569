import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct SealedFileTests {
  /// Creates a small sealed file with an attribute and weights, like a checkpoint.
  private func makeSealed(_ path: String) throws {
    let file = try HDF5File.create(path, userBlockBytes: SealedFile.userBlockBytes)
    try file.setAttribute("format", to: "phd-checkpoint")
    try file.write("model/weight", (0..<200).map { Float($0) })
    try file.close()
    try SealedFile.seal(path)
  }

  @Test func `a sealed file is an HDF5 file with the documented seal`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/sealed.h5"
      try makeSealed(path)
      #expect(try SealedFile.verify(path) == .sealed)
      #expect(try HDF5File.open(path).stringAttribute("format") == "phd-checkpoint")
      #expect(try HDF5File.open(path).dataset("model/weight").array() == (0..<200).map { Float($0) })

      let all = try bytes(of: path)
      let digest = ContentDigest()
      all[512...].withUnsafeBytes { digest.update($0) }
      let line = "phd-checkpoint xxh3-128 \(digest.hexadecimal) \(all.count)\n"
      #expect(try SealedFile.digest(of: path) == digest.hexadecimal)
      #expect(Array(all[..<512]) == Array(line.utf8) + [UInt8](repeating: 0, count: 512 - line.utf8.count))
    }
  }

  @Test func `any damage is detected`() throws {
    try withTemporaryFolder { folder in
      let (path, copy) = (folder + "/sealed.h5", folder + "/copy.h5")
      try makeSealed(path)
      let original = try bytes(of: path)
      var random = SplitMix(state: 1)
      for trial in 0..<600 {
        let changed = damaged(original, with: &random)
        guard changed != original else { continue }
        try write(changed, to: copy)
        #expect(throws: StorageError.self, "trial \(trial)") { try SealedFile.verify(copy) }
      }
    }
  }

  @Test func `a change of any byte of the seal is detected`() throws {
    try withTemporaryFolder { folder in
      let (path, copy) = (folder + "/sealed.h5", folder + "/copy.h5")
      try makeSealed(path)
      let original = try bytes(of: path)
      for position in 0..<600 {
        var changed = original
        changed[position] ^= 1
        try write(changed, to: copy)
        let error = #expect(throws: StorageError.self, "byte \(position)") { try SealedFile.verify(copy) }
        #expect(error?.kind == .damaged)
      }
    }
  }

  @Test func `a missing user block is detected`() throws {
    try withTemporaryFolder { folder in
      let (path, copy) = (folder + "/sealed.h5", folder + "/copy.h5")
      try makeSealed(path)
      let original = try bytes(of: path)
      try write(original[512...], to: copy)
      #expect(throws: StorageError.self) { try SealedFile.verify(copy) }
      try write([UInt8](repeating: 0, count: 512) + original, to: copy)
      #expect(throws: StorageError.self) { try SealedFile.verify(copy) }
    }
  }

  @Test func `plain HDF5 files are unsealed, and other files are errors`() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/plain.h5"
      let file = try HDF5File.create(path)
      try file.write("numbers", [Float(1)])
      try file.close()
      #expect(try SealedFile.verify(path) == .unsealed)
      let digest = ContentDigest()
      try bytes(of: path).withUnsafeBytes { digest.update($0) }
      #expect(try SealedFile.digest(of: path) == digest.hexadecimal)
      try write(Array("text".utf8), to: path)
      #expect(throws: StorageError.self) { try SealedFile.verify(path) }
      let missing = #expect(throws: StorageError.self) { try SealedFile.verify(folder + "/nothing") }
      #expect(missing?.kind == .missing)
    }
  }

  @Test func `the digest is XXH3-128`() {
    // xxh128sum's digest of an empty file.
    #expect(ContentDigest().hexadecimal == "99aa06d3014798d86001c324468d497f")
    let (whole, parts) = (ContentDigest(), ContentDigest())
    whole.update("a text in one piece")
    parts.update("a text ")
    parts.update("")
    parts.update("in one piece")
    #expect(whole.hexadecimal == parts.hexadecimal)
    #expect(whole.hexadecimal != ContentDigest().hexadecimal)
  }
}
