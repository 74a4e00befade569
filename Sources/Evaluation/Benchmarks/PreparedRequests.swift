/// A file that contains the requests themselves: `{"label": 0, "requests": [{"context": …, "continuation": …}, …]}`.
struct PreparedRequests: Benchmark {
  let name = "requests"
  let summary = "prepared requests (label, requests)"
  let fileNames: [String] = []

  func recognizes(_ line: TaskLine) -> Bool { line.has("requests") }

  func taskName(_ file: TaskFileName, first: TaskLine) -> String { file.stem }

  func item(_ line: TaskLine) throws -> TaskItem {
    guard let list = line.json["requests"]?.array, !list.isEmpty else {
      throw line.error("\"requests\" is not a list of objects with \"context\" and \"continuation\"")
    }
    let requests = try list.map { json in
      let request = TaskLine(json, place: line.place)
      return TaskRequest(context: try request.string("context"), continuation: try request.string("continuation"))
    }
    return try line.item(requests, label: try line.label("label", of: requests.count))
  }
}
