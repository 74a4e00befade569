import TestSupport
import Testing

@testable import Evaluation

/// Writes benchmark files to a temporary folder and reads the folder's tasks.
func readTasks(
  _ files: [String: String], _ names: [String] = [], limit: Int? = nil, shots: Int? = nil
) throws -> [EvaluationTask] {
  try withTemporaryFolder { folder in
    for (name, text) in files { try write(text.utf8, to: "\(folder)/\(name)") }
    return try TaskReader.tasks([folder], named: names, limit: limit, shots: shots)
  }
}

/// The only task of one benchmark file.
func onlyTask(_ name: String, _ text: String) throws -> EvaluationTask {
  let tasks = try readTasks([name: text])
  #expect(tasks.count == 1)
  return try #require(tasks.first)
}

/// Checks an item's label and its requests, given as contexts and continuations.
func expect(
  _ item: TaskItem?, _ label: Int, _ requests: [(String, String)], sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(item?.label == label, sourceLocation: sourceLocation)
  #expect(
    item?.requests == requests.map { TaskRequest(context: $0.0, continuation: $0.1) }, sourceLocation: sourceLocation)
}
