import Kernels
import Storage

// `/state` of a checkpoint: the datasets `samples` and, unless empty, `skipped_steps`, `spike_guard/loss` and
// `spike_guard/gradient_norm`; the attributes `data`, `arithmetic`, `kernels`, `awaits_validation` (only if 1) and
// `initialized_from` (only with --initialize-from).
extension Checkpoint {
  static func write(_ progress: RunProgress, _ origin: Origin, to file: HDF5File) throws {
    try file.write("state/samples", [UInt64(progress.samples)])
    if progress.skippedSteps > 0 { try file.write("state/skipped_steps", [UInt64(progress.skippedSteps)]) }
    for (name, path) in SpikeHistory.series where !progress.history[keyPath: path].isEmpty {
      try file.write("state/spike_guard/\(name)", progress.history[keyPath: path])
    }
    try file.setAttribute("data", of: "/state", to: origin.data)
    try file.setAttribute("arithmetic", of: "/state", to: origin.arithmetic)
    try file.setAttribute("kernels", of: "/state", to: KernelChoice.current.rawValue)
    if let source = origin.initializedFrom {
      try file.setAttribute(initializedFromName, of: "/state", to: source.json.compact)
    }
    if progress.awaitsValidation { try file.setAttribute("awaits_validation", of: "/state", to: 1) }
  }

  private static let initializedFromName = "initialized_from"

  /// - Throws: `StorageError`, `.damaged` if the attribute is invalid.
  static func origin(in file: HDF5File) throws -> WeightsOrigin? {
    guard let text = try file.stringAttribute(initializedFromName, of: "/state") else { return nil }
    guard let origin = WeightsOrigin(text: text) else {
      throw StorageError(
        .damaged, file.path, "the attribute \(initializedFromName) of /state is not a path and a digest")
    }
    return origin
  }

  /// - Throws: `StorageError`, `.damaged` if a count is invalid.
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
      throw StorageError(.damaged, file.path, "the values in /state are inconsistent")
    }
    progress.awaitsValidation = try file.integerAttribute("awaits_validation", of: "/state") == 1
    return progress
  }

  private static func count(_ name: String, in file: HDF5File) throws -> Int {
    let values: [UInt64] = try file.dataset("state/\(name)").array()
    guard values.count == 1, let count = values.first.flatMap({ Int(exactly: $0) }) else {
      throw StorageError(.damaged, file.path, "/state/\(name) is not a single count: \(values.prefix(3))")
    }
    return count
  }
}

extension HDF5File {
  /// An attribute of the file that is a count; nil if it is missing.
  ///
  /// - Throws: `StorageError`, `.damaged` if it is negative.
  func countAttribute(_ name: String) throws -> Int? {
    guard let value: Int = try integerAttribute(name) else { return nil }
    guard value >= 0 else { throw StorageError(.damaged, path, "has \(name) \(value)") }
    return value
  }
}
