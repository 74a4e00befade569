import Configuration
import Foundation
import HuggingFace
import JSON
import Kernels
import RunFiles
import Storage
import Tokenizers
import Transformer

/// The file of `--initialize-from`: any HDF5 file with a `/model`, or a Hugging Face model.
///
/// Weights of equal shapes may belong to a different model, with a different number of heads, rotary base or ε. So the
/// model that the file declares is compared with the configuration before the weights are read.
public struct InitialWeights {
  let path: String
  /// The tokenizer that the file names, if any.
  let tokenizer: TokenizerIdentity
  /// Notes for the user, one sentence each.
  let notes: [String]

  private let layout: ParameterLayout
  /// Nil for an HDF5 file.
  private let pretrained: PretrainedModel?

  /// Opens the file and compares it with the configured model. Reads no weights.
  ///
  /// - Parameter allowances: the differences from the configured model that are allowed.
  /// - Throws: `ConfigurationError` with the key and both values if the weights belong to a different model;
  ///   `StorageError`, `.damaged` if a tensor is missing, unknown or has a different shape; `InvalidFileError` if the
  ///   tokenizer cannot be read.
  init(_ path: String, for configuration: RunConfiguration, allowing allowances: [RunOptions.Allowance]) throws {
    self.path = path
    layout = ParameterLayout(configuration.model)
    let comparison = Comparison(path: path, mine: configuration.model, allowances: allowances)
    if PretrainedModel.isModel(at: path) {
      let pretrained = try PretrainedModel(path)
      self.pretrained = pretrained
      notes = try comparison.notes(on: pretrained.description.model.differences(from: configuration.model))
      tokenizer = try InitialWeights.tokenizer(of: pretrained)
    } else {
      pretrained = nil
      let file = try HDF5File.open(path)
      if let theirs = try Checkpoint.model(in: file) {
        // The check of the tensors below reports different shapes.
        let differences = theirs.differences(from: configuration.model).filter(\.changesFunction)
        notes = try comparison.notes(on: differences)
      } else {
        notes = try comparison.notes(onAttributesOf: file)
      }
      try Checkpoint.checkWeights(in: file, layout)
      tokenizer = try Checkpoint.tokenizer(in: file)
    }
  }

  private static func tokenizer(of pretrained: PretrainedModel) throws -> TokenizerIdentity {
    guard try FileStatus.exists(pretrained.tokenizerPath) else { return TokenizerIdentity() }
    let file = try TokenizerFile(reading: pretrained.tokenizerPath)
    return TokenizerIdentity(name: file.name, sha256: file.sha256, file: file)
  }

  /// Reads all weights.
  ///
  /// - Returns: the file's path and digest.
  /// - Throws: `StorageError`; `NotFiniteWeightsError`.
  func read(into parameters: Buffer) throws -> WeightsOrigin {
    var broken = NotFiniteWeights()
    if let pretrained {
      for tensor in layout.tensors { try pretrained.read(tensor, 0..<tensor.shape[0], into: parameters[tensor.range]) }
    } else {
      try Checkpoint.readWeights(path, into: parameters, layout)
    }
    for tensor in layout.tensors { broken.scan(parameters[tensor.range], of: tensor) }
    if broken.count > 0 { throw NotFiniteWeightsError(path: path, weights: broken) }
    return WeightsOrigin(path: path, digest: try pretrained?.digest() ?? SealedFile.digest(of: path))
  }
}

extension InitialWeights {
  /// The notes of a dry run on the file; empty if `--initialize-from` is not given.
  ///
  /// Opens and compares the file. Does not read its weights or check its digest.
  /// - Throws: as `init`.
  public static func dryRun(_ options: RunOptions, _ configuration: RunConfiguration) throws -> [String] {
    guard let file = options.initializeFrom else { return [] }
    if let checkpoint = try options.checkpointToResume(in: RunFolder(configuration.runFolder)) {
      return [ignored(file, checkpoint)]
    }
    return try InitialWeights(file, for: configuration, allowing: options.allowances).notes
  }

  /// - Parameters:
  ///   - checkpoint: the checkpoint that the run resumes from.
  ///   - origin: the file that its first weights came from, if recorded.
  static func ignored(_ file: String, _ checkpoint: String, origin: WeightsOrigin? = nil) -> String {
    "--initialize-from \(file) is ignored: the run resumes from \(checkpoint)"
      + (origin.map { ", which started with the weights of \($0.path)" } ?? "")
      + "; to start with the file's weights, start another run (another name, or --overwrite)"
  }
}

/// Compares the model that a file declares with the configured one.
private struct Comparison {
  let path: String
  let mine: ModelConfiguration
  let allowances: [RunOptions.Allowance]

  /// - Parameter differences: between the file's model and the configured one.
  /// - Returns: a note on each difference that is allowed.
  /// - Throws: `ConfigurationError` for the first difference that is not.
  func notes(on differences: [ModelConfiguration.Difference]) throws -> [String] {
    try differences.map { difference in
      let (key, isRope) = (difference.key, difference.key == "rope_theta")
      guard isRope && allowances.contains(.rope) else {
        throw ConfigurationError(
          "\(path): its \(key) is \(difference.value), model.\(key) of the configuration is \(difference.other): "
            + "these weights belong to a different model. Set model.\(key) to \(difference.value)"
            + (isRope ? ", or pass --allow rope to continue with a different base" : ""))
      }
      return "\(path): its \(key) is \(difference.value), and the run's is \(difference.other) (--allow rope)"
    }
  }

  /// The same for a file without a configuration, which may have attributes named like the keys.
  func notes(onAttributesOf file: HDF5File) throws -> [String] {
    var differences: [ModelConfiguration.Difference] = []
    var unknown: [String] = []
    func compare(_ key: String, _ value: Double) {
      // These attributes are not part of the format, so one that is not a number is ignored.
      guard let theirs = (try? file.doubleAttribute(key)) ?? nil else { return unknown.append(key) }
      // The attribute may be stored as float32.
      if theirs == value || Float(theirs) == Float(value) { return }
      let words = [theirs, value].map { number in Int(exactly: number).map { "\($0)" } ?? "\(number)" }
      differences.append(ModelConfiguration.Difference(key: key, value: words[0], other: words[1]))
    }
    compare("num_attention_heads", Double(mine.queryHeads))
    compare("num_key_value_heads", Double(mine.keyValueHeads))
    compare("rope_theta", mine.ropeTheta)
    compare("rms_norm_eps", mine.rmsNormEpsilon)
    let notes = try notes(on: differences)
    if unknown.isEmpty { return notes }
    return notes + [
      "\(path) has no attribute config: tensor names and shapes match, but "
        + "\(unknown.joined(separator: ", ")) cannot be checked"
    ]
  }
}
