import ArgumentParser

/// The configuration of a run, as `phd-train` and subcommands of `phd` accept it: `CONFIG.json --set key=value …`.
public struct ConfigurationArguments: ParsableArguments {
  @Argument(help: ArgumentHelp("The run's configuration (JSON).", valueName: "config"), completion: .file())
  public var config: String

  @OptionGroup public var overrides: ConfigurationOverrides

  public init() {}
}

/// `--set key=value`, any number of times.
public struct ConfigurationOverrides: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Override one key of the configuration by its dotted path; VALUE is JSON or a bare string.",
      valueName: "key=value"))
  public var values: [String] = []

  public init() {}
}
