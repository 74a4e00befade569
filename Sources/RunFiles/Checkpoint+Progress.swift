import Storage

// `/state` of a checkpoint: `samples`; where there are any, `skipped_steps` and the spike guard's series
// `spike_guard/loss` and `spike_guard/gradient_norm`; the attributes `data`, `arithmetic` and, where it is 1,
// `awaits_validation`; where the run began with another file's weights, `initialized_from`.
extension Checkpoint {
  static func write(_ progress: RunProgress, _ origin: Origin, to file: HDF5File) throws {
    try file.write("state/samples", [UInt64(progress.samples)])
    if progress.skippedSteps > 0 { try file.write("state/skipped_steps", [UInt64(progress.skippedSteps)]) }
    for (name, path) in SpikeHistory.series where !progress.history[keyPath: path].isEmpty {
      try file.write("state/spike_guard/\(name)", progress.history[keyPath: path])
    }
    try file.setAttribute("data", of: "/state", to: origin.data)
    try file.setAttribute("arithmetic", of: "/state", to: origin.arithmetic)
    if let source = origin.initializedFrom {
      try file.setAttribute(initializedFromName, of: "/state", to: source.json.compact)
    }
    if progress.awaitsValidation { try file.setAttribute("awaits_validation", of: "/state", to: 1) }
  }

  private static let initializedFromName = "initialized_from"

  /// - Throws: `StorageError`, `.damaged` where the attribute cannot be used.
  static func origin(in file: HDF5File) throws -> WeightsOrigin? {
    guard let text = try file.stringAttribute(initializedFromName, of: "/state") else { return nil }
    guard let origin = WeightsOrigin(text: text) else {
      throw StorageError(.damaged, file.path, "the attribute \(initializedFromName) of /state is no path and digest")
    }
    return origin
  }

  /// - Throws: `StorageError`, `.damaged` where a count is none.
  static func progress(in file: HDF5File, hasState: Bool) throws -> RunProgress {
    var progress = RunProgress()
    progress.step = try file.countAttribute("step") ?? 0
    progress.tokens = try file.countAttribute("tokens") ?? 0
    guard hasState else { return progress }
    progress.samples = try count("samples", in: file)
    if try file.exists("state/skipped_steps") { progress.skippedSteps = try count("skipped_steps", in: file) }
    for (name, path) in SpikeHistory.series where try file.exists("state/spike_guard/\(name)") {
      progress.history[keyPath: path] = try file.dataset("state/spike_guard/\(name)").array()
    }
    let history = progress.history
    guard progress.skippedSteps <= progress.step, history.losses.count == history.gradientNorms.count else {
      throw StorageError(.damaged, file.path, "/state does not fit together")
    }
    progress.awaitsValidation = try file.integerAttribute("awaits_validation", of: "/state") == 1
    return progress
  }

  private static func count(_ name: String, in file: HDF5File) throws -> Int {
    let values: [UInt64] = try file.dataset("state/\(name)").array()
    guard values.count == 1, let count = values.first.flatMap({ Int(exactly: $0) }) else {
      throw StorageError(.damaged, file.path, "/state/\(name) is not one count: \(values.prefix(3))")
    }
    return count
  }
}

extension HDF5File {
  /// A count among the file's attributes; nil where there is none of that name.
  ///
  /// - Throws: `StorageError`, `.damaged` where it is negative.
  func countAttribute(_ name: String) throws -> Int? {
    guard let value: Int = try integerAttribute(name) else { return nil }
    guard value >= 0 else { throw StorageError(.damaged, path, "has \(name) \(value)") }
    return value
  }
}
