import Foundation
import Storage
import TestSupport
import Testing

@testable import Corpus

@Suite struct DataSourceTests {
  @Test func `the files of a glob are one sequence of samples`() throws {
    try withTemporaryFolder { folder in
      try writeCorpus(200..<231, to: folder + "/b-2.h5")  // 3 samples of 10
      try writeCorpus(100..<121, to: folder + "/b-10.h5")  // 2 samples
      try writeCorpus(300..<311, to: folder + "/c.h5")
      let source = try DataSource(folder + "/b-*.h5", sequenceLength: 10)
      #expect(source.files.map { $0.path } == [folder + "/b-10.h5", folder + "/b-2.h5"])
      #expect(source.sampleCount == 5)
      let places = (0..<5).map { source.location(of: $0) }
      #expect(places.map { $0.file.path.hasSuffix("b-10.h5") } == [true, true, false, false, false])
      #expect(places.map { $0.offset } == [0, 10, 0, 10, 20])
    }
  }

  @Test func `a file whose name is the glob itself takes precedence`() throws {
    try withTemporaryFolder { folder in
      try writeCorpus(0..<20, to: folder + "/a[1].h5")
      try writeCorpus(0..<20, to: folder + "/a1.h5")
      #expect(try DataSource.paths(matching: folder + "/a[1].h5") == [folder + "/a[1].h5"])
      #expect(try DataSource.paths(matching: folder + "/a?.h5") == [folder + "/a1.h5"])
    }
  }

  @Test func `a glob without matches is a missing file`() throws {
    try withTemporaryFolder { folder in
      for pattern in [folder + "/*.h5", folder + "/none.h5"] {
        let error = #expect(throws: StorageError.self) { try DataSource(pattern, sequenceLength: 10) }
        #expect(error?.kind == .missing)
        #expect(error?.path == pattern)
        #expect(error?.message.contains("phd corpus build") == true)
      }
    }
  }

  @Test func `a file too short for one sample is an error`() throws {
    try withTemporaryFolder { folder in
      try writeCorpus(0..<11, to: folder + "/a.h5")
      #expect(try DataSource(folder + "/a.h5", sequenceLength: 10).sampleCount == 1)
      let error = #expect(throws: InvalidFileError.self) { try DataSource(folder + "/a.h5", sequenceLength: 11) }
      #expect(error?.description.contains("holds 11 tokens") == true)
    }
  }
}
