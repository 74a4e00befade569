import ArgumentParser
import Configuration
import Training

/// A run's configuration and what overrides it, as several subcommands take them.
struct ConfigurationArguments: ParsableArguments {
  @Argument(help: ArgumentHelp("The run's configuration (JSON).", valueName: "config"), completion: .file())
  var config: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override one key by its dotted path; VALUE is JSON or a bare string.", valueName: "key=value"))
  var overrides: [String] = []

  /// - Throws: `StorageError`, `ConfigurationError`.
  func load() throws -> RunConfiguration { try RunSetup.load(config, overrides: overrides) }
}
