import Testing

@testable import Evaluation

@Suite struct BenchmarksTests {
  @Test func `names of benchmarks are unique`() {
    let names = Benchmarks.all.map(\.name)
    #expect(Set(names).count == names.count)
    let fileNames = Benchmarks.all.flatMap(\.fileNames)
    #expect(Set(fileNames).count == fileNames.count)
    for name in fileNames {
      #expect(!fileNames.contains { name.hasPrefix($0 + "_") }, "a file of \(name) would get another name")
    }
  }

  @Test func `the error for an unknown file lists every benchmark`() throws {
    let line = TaskLine(["something": 1], place: "items.jsonl, line 1")
    let error = try #require(throws: EvaluationError.self) { try Benchmarks.recognizing(line) }
    for benchmark in Benchmarks.all { #expect(error.description.contains(benchmark.summary)) }
  }
}
