import Configuration
import Foundation
import HuggingFace
import JSON
import Kernels
import RunFiles
import Storage
import Tokenizers
import Transformer

/// A file that a run takes its first weights from: any file with a `/model`, or a model of Hugging Face's.
///
/// Weights of equal shapes may be another model's: other heads, another rotary base, another ε make other numbers of
/// them. So what the file says of its model is compared with the configuration before a weight is read.
public struct InitialWeights {
  let path: String
  /// What its tokens mean, as far as it says.
  let tokenizer: TokenizerIdentity
  /// What the user should know, a sentence each.
  let notes: [String]

  private let layout: ParameterLayout
  /// Nil for an HDF5 file.
  private let pretrained: PretrainedModel?

  /// Opens the file, and compares it with the configured model. No weight is read.
  ///
  /// - Parameter allowances: which differences from the configured model are allowed.
  /// - Throws: `ConfigurationError` where the weights are of a model that computes something else, naming the key and both
  ///   values; `StorageError`, `.damaged` where a tensor is missing, unknown, or of another shape; `InvalidFileError`
  ///   where its tokenizer cannot be read.
  init(_ path: String, for configuration: RunConfiguration, allowing allowances: [RunOptions.Allowance]) throws {
    self.path = path
    layout = ParameterLayout(configuration.model)
    let comparison = Comparison(path: path, mine: configuration.model, allowances: allowances)
    if PretrainedModel.isOne(path) {
      let pretrained = try PretrainedModel(path)
      self.pretrained = pretrained
      notes = try comparison.notes(on: pretrained.description.model.differences(from: configuration.model))
      tokenizer = try InitialWeights.tokenizer(of: pretrained)
    } else {
      pretrained = nil
      let file = try HDF5File.open(path)
      if let theirs = try Checkpoint.model(in: file) {
        // The check of tensors names a tensor of another shape.
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
  /// - Returns: what they were read from.
  /// - Throws: `StorageError`; `NotFiniteWeightsError`.
  func read(into parameters: Buffer) throws -> WeightsOrigin {
    var broken = NotFiniteWeights()
    if let pretrained {
      for tensor in layout.tensors { try pretrained.read(tensor, 0..<tensor.shape[0], into: parameters[tensor.range]) }
    } else {
      try Checkpoint.readWeights(path, into: parameters, layout)
    }
    for tensor in layout.tensors { broken.look(at: parameters[tensor.range], of: tensor) }
    if broken.count > 0 { throw NotFiniteWeightsError(path: path, weights: broken) }
    return WeightsOrigin(path: path, digest: try pretrained?.digest() ?? SealedFile.digest(of: path))
  }
}

extension InitialWeights {
  /// What a dry run says of the file; empty where none is named.
  ///
  /// The file is opened and compared, and its weights and its seal are not read.
  /// - Throws: as `init`.
  public static func dryRun(_ options: RunOptions, _ configuration: RunConfiguration) throws -> [String] {
    guard let file = options.initializeFrom else { return [] }
    if let checkpoint = try options.resumes(in: RunFolder(configuration.runFolder)) {
      return [ignored(file, checkpoint)]
    }
    return try InitialWeights(file, for: configuration, allowing: options.allowances).notes
  }

  /// - Parameters:
  ///   - checkpoint: what the run goes on from.
  ///   - origin: what that began with, where it says so.
  static func ignored(_ file: String, _ checkpoint: String, origin: WeightsOrigin? = nil) -> String {
    "--initialize-from \(file) is ignored: the run resumes from \(checkpoint)"
      + (origin.map { ", which began with the weights of \($0.path)" } ?? "")
      + "; to begin with the file's weights start another run (another name, or --overwrite)"
  }
}

/// Compares what a file says of its model with the configured one.
private struct Comparison {
  let path: String
  let mine: ModelConfiguration
  let allowances: [RunOptions.Allowance]

  /// - Parameter differences: of the file's model from the configured one.
  /// - Returns: a note on each that is allowed.
  /// - Throws: `ConfigurationError` for the first that is not.
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

  /// The same for a file without a configuration, which may say some of it in attributes of the same names.
  func notes(onAttributesOf file: HDF5File) throws -> [String] {
    var differences: [ModelConfiguration.Difference] = []
    var unknown: [String] = []
    func compare(_ key: String, _ value: Double) {
      // Not an attribute of ours: one that is no number says nothing.
      guard let theirs = (try? file.doubleAttribute(key)) ?? nil else { return unknown.append(key) }
      // It may be stored as a float32.
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
