import Communication
import Configuration
import Host
import Kernels
import Storage

/// Checks before a run: the processor, and the same configuration on all ranks.
public enum RunSetup {
  /// Bytes of address space that every program needs at its start.
  private static let leastAddressSpace = 64 << 20

  /// Chooses the kernel set and checks the address space. Call it before any kernel runs.
  ///
  /// - Throws: `KernelChoiceError` if the environment asks for a kernel set that cannot run; `ResourceError` if
  ///   `ulimit -v` leaves too little.
  public static func requireProcessor() throws {
    _ = try KernelChoice.choose()
    try ResourceLimit.requireAddressSpace(leastAddressSpace, for: "the program")
  }

  /// Reads the configuration on every rank and checks that all ranks have the same. Collective.
  ///
  /// - Throws: `AgreedError`, the same on every rank.
  public static func configuration(_ options: RunOptions, _ communicator: Communicator) throws -> RunConfiguration {
    let configuration = try communicator.agreed {
      let configuration = try load(options.configuration, overrides: options.overrides)
      if let error = configuration.validationError(ranks: communicator.size) { throw ConfigurationError(error) }
      return configuration
    }
    let first = try communicator.broadcast(configuration.resolved.compact + "\(options)")
    let root = try communicator.broadcast(configuration.resolved.compact)
    try communicator.agreed {
      guard first != configuration.resolved.compact + "\(options)" else { return }
      let roots = try RunConfiguration(text: root, file: options.configuration)
      let (forbidden, allowed) = configuration.differences(from: roots)
      guard let difference = (forbidden + allowed).first else {
        throw ConfigurationError(
          "rank \(communicator.rank) was started with different options than rank 0; give all ranks the same options"
        )
      }
      throw ConfigurationError(
        "rank \(communicator.rank) (on \(communicator.hostName)) has \(difference.key) \(difference.value), "
          + "rank 0 has \(difference.other); give all ranks the same configuration")
    }
    return configuration
  }

  /// Reads a configuration file.
  ///
  /// - Throws: `StorageError`, `ConfigurationError`.
  public static func load(_ path: String, overrides: [String] = []) throws -> RunConfiguration {
    let status = try FileStatus(path)
    guard status.isRegularFile else { throw StorageError(.failed, path, "is not a file; name a configuration") }
    do {
      return try RunConfiguration(text: try TextFile(path).text, file: path, overrides: overrides)
    } catch let error as StorageError where error.kind == .damaged {
      throw ConfigurationError("\(error)")
    }
  }
}
