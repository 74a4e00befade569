import CommandLineOptions
import Configuration
import Training

extension ConfigurationArguments {
  /// - Throws: `StorageError`, `ConfigurationError`.
  func load() throws -> RunConfiguration { try RunSetup.load(config, overrides: overrides.values) }
}
