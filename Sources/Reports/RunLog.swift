import JSON
import RunFiles
import Storage

/// A run's log. Steps are in order and without repetitions; ``problems`` lists the defects of the file.
public struct RunLog: Sendable {
  public struct Validation: Sendable, Equatable {
    public let step: Int
    public let set: String
    public let loss: Double
  }

  /// The log's path.
  public let path: String
  /// The configuration's name, or the folder's.
  public let name: String
  /// The `config.json` in the log's folder, if there is one.
  public let configuration: JSONValue?
  /// In ascending order, each step once.
  public let steps: [StepRecord]
  /// The `run` records, one per start of the program.
  public let starts: [JSONValue]
  public let validations: [Validation]
  /// The benchmarks' records.
  public let tasks: [JSONValue]
  /// The records of skipped steps.
  public let skipped: [JSONValue]
  public let warnings: [String]
  /// Total seconds of saving checkpoints.
  public let savingSeconds: Double
  /// Why the last start ended; nil while it runs, or if it was killed.
  public let end: String?
  public let unreadableLines: Int
  /// Defects of the log and of the configuration in its folder, one sentence each.
  public let problems: [String]
  /// Seconds of training up to each step. A step without a record counts as long as the next step with one.
  public let elapsed: [Double]
  /// The first step of each start, which is slower than other steps.
  public let firstSteps: Set<Int>

  /// - Parameter path: a run's folder, or its log.
  /// - Throws: `StorageError`.
  public init(path: String) throws { self.init(try LogRecords(path: path)) }

  public init(_ records: LogRecords) {
    let order = StepOrder(records.steps, startingAt: records.others.filter { $0.event == "run" }.map(\.index))
    let others = records.others.filter { other in
      other.event == "run" || order.isKept(step: other.step, index: other.index)
    }
    func all(_ event: String) -> [JSONValue] { others.filter { $0.event == event }.map(\.json) }

    path = records.path
    let folder = records.path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    let problem: String?
    (configuration, problem) = RunLog.configuration(in: records.path.contains("/") ? folder : ".")
    name = configuration?["name"]?.string ?? RunLog.name(of: records.path)
    steps = order.steps
    starts = all("run")
    validations = RunLog.lastOfEach(
      all("validation").compactMap { record in
        guard let step = record["step"]?.integer, let set = record["set"]?.string,
          let loss = record["loss"].flatMap({ $0.number ?? $0.string.flatMap { Double($0) } })
        else { return nil }
        return Validation(step: step, set: set, loss: loss)
      })
    tasks = all("task")
    skipped = all("skipped")
    warnings = all("warning").compactMap { $0["message"]?.string }
    savingSeconds = all("checkpoint").reduce(0) { $0 + ($1["seconds"]?.number ?? 0) }
    end = others.last { $0.event == "run" || $0.event == "end" }.flatMap { $0.json["reason"]?.string }
    unreadableLines = records.unreadable.count
    var problems = order.problems
    if records.unreadable.count > 0 {
      let count = records.unreadable.count
      let place = records.unreadable.after.map { "after step \($0)" } ?? "at the beginning"
      problems.append(
        count == 1 ? "a line \(place) cannot be read" : "\(count) lines cannot be read, the first \(place)")
    }
    self.problems = problems + [problem].compactMap { $0 }

    var (total, before) = (0.0, 0)
    elapsed = order.steps.map { record in
      let seconds = record[.seconds]
      total += seconds.isFinite ? seconds * Double(record.step - before) : 0
      before = record.step
      return total
    }
    firstSteps = Set(
      records.others.filter { $0.event == "run" && $0.index < records.steps.count }
        .map { records.steps[$0.index].step })
  }

  /// Target tokens up to the last step; nil if the log does not record them.
  public var tokens: Int? { steps.last.flatMap { Int(exactly: $0[.tokens]) } }

  /// Seconds of training; nil if no record contains them.
  public var seconds: Double? { steps.contains { $0[.seconds].isFinite } ? elapsed.last : nil }

  /// Floating-point operations per step on all ranks together; nil if no start records them.
  public var flopsPerStep: Double? { starts.last { $0["flops_per_step"] != nil }?["flops_per_step"]?.number }

  /// The steps from which a start resumed.
  public var resumes: [Int] { starts.compactMap { $0["resumed_from_step"]?.integer }.filter { $0 > 0 } }

  /// The names of the validation sets, in the order of their first measurement.
  public var validationSets: [String] {
    validations.reduce(into: []) { names, validation in
      if !names.contains(validation.set) { names.append(validation.set) }
    }
  }

  /// The configuration, or the reason why it cannot be read; both nil if there is none.
  private static func configuration(in folder: String) -> (JSONValue?, problem: String?) {
    do {
      let reader = try RandomAccessFile(RunFolder(folder).configuration)
      return (try JSONValue(parsing: try reader.bytes(at: 0, count: reader.size)), nil)
    } catch let error as StorageError where error.kind == .missing {
      return (nil, nil)
    } catch let error as StorageError {
      return (nil, "the config.json in its folder \(error.message)")
    } catch {
      return (nil, "the config.json in its folder is not JSON: \(error)")
    }
  }

  /// The folder's name for `log.jsonl`, else the file's name.
  private static func name(of path: String) -> String {
    let parts = path.split(separator: "/").map(String.init)
    guard let last = parts.last else { return path }
    if last == "log.jsonl" { return parts.dropLast().last { $0 != "." } ?? last }
    return last.hasSuffix(".jsonl") ? String(last.dropLast(6)) : last
  }

  /// Ordered by step, with only the last measurement of each set at each step.
  private static func lastOfEach(_ validations: [Validation]) -> [Validation] {
    struct Key: Hashable { let (step, set): (Int, String) }
    var places: [Key: Int] = [:]
    var kept: [Validation] = []
    for validation in validations {
      if let place = places.updateValue(kept.count, forKey: Key(step: validation.step, set: validation.set)) {
        places[Key(step: validation.step, set: validation.set)] = place
        kept[place] = validation
      } else {
        kept.append(validation)
      }
    }
    return kept.enumerated().sorted { ($0.element.step, $0.offset) < ($1.element.step, $1.offset) }.map(\.element)
  }
}
