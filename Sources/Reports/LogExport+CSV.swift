import JSON
import RunFiles
import Storage

extension LogExport {
  /// Writes CSV (RFC 4180): one line per step with a record, one column per number. Validation losses, benchmark results
  /// and the reasons of skipped steps are further columns; missing values are empty. Numbers are written in the shortest
  /// form that parses to the same value.
  ///
  /// - Returns: the number of lines without the header.
  /// - Throws: `StorageError.failed`.
  public static func csv(_ run: RunLog, to path: String) throws -> Int {
    var columns: [String] = []
    var cells: [Int: [String: String]] = [:]
    func add(_ column: String, _ value: String, step: Int) {
      if !columns.contains(column) { columns.append(column) }
      cells[step, default: [:]][column] = value
    }
    for (event, step, json) in otherRecords(run) {
      switch event {
      case "validation": add("validation/\(json["set"]?.string ?? "")", text(json["loss"]), step: step)
      case "skipped": add("skipped", json["reason"]?.string ?? "yes", step: step)
      default:
        for field in json.object?.fields ?? [] where !["event", "step", "task"].contains(field.name) {
          add("task/\(json["task"]?.string ?? "")/\(field.name)", text(field.value), step: step)
        }
      }
    }
    let head = ["step"] + StepMetric.allCases.map(\.name) + columns
    var lines = 0
    try WholeFile.write(to: path) { temporary in
      let file = try AppendingFile(temporary, reportedAs: path)
      var bytes = Array((head.map(quotedCell).joined(separator: ",") + "\n").utf8)
      func add(_ step: Int, _ record: StepRecord?) throws {
        bytes += Array(String(step).utf8)
        for field in StepMetric.allCases {
          bytes.append(UInt8(ascii: ","))
          if let record, !record[field].isNaN { bytes += Array(text(record[field]).utf8) }
        }
        let others = cells[step]
        for column in columns { bytes += Array(("," + quotedCell(others?[column] ?? "")).utf8) }
        bytes.append(UInt8(ascii: "\n"))
        lines += 1
        guard bytes.count >= 1 << 20 else { return }
        try file.append(bytes)
        bytes.removeAll(keepingCapacity: true)
      }
      var rest = cells.keys.sorted()[...]
      for record in run.steps {
        while let step = rest.first, step < record.step {
          try add(step, nil)
          rest.removeFirst()
        }
        if rest.first == record.step { rest.removeFirst() }
        try add(record.step, record)
      }
      for step in rest { try add(step, nil) }
      try file.append(bytes)
    }
    return lines
  }

  private static func text(_ value: JSONValue?) -> String {
    switch value {
    case .number(let number): text(number)
    case .string(let string): string
    case nil, .null: ""
    case let value?: value.compact
    }
  }

  /// Integers are written as such: 16000000, not 1.6e+07.
  private static func text(_ number: Double) -> String {
    if let integer = Int(exactly: number), abs(integer) < 1 << 53 { return String(integer) }
    return number.description
  }

  /// Compares scalars, because CR LF is a single character, and so is a quote followed by a combining mark.
  private static func quotedCell(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard scalars.contains(where: { [",", "\"", "\n", "\r"].contains($0) }) else { return text }
    let parts = scalars.split(separator: "\"", omittingEmptySubsequences: false).map { String($0) }
    return "\"\(parts.joined(separator: "\"\""))\""
  }
}
