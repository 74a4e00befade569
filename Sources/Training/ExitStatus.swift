import Communication
import Corpus
import Storage
import Tokenizers

/// How a program ends, in the numbers of sysexits.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// Wrong usage or configuration.
  case usage = 64
  /// A bad corpus or checkpoint.
  case badData = 65
  /// A file is missing.
  case missing = 66
  /// The numbers broke: not finite.
  case brokenNumbers = 70
  /// Reading or writing failed.
  case inputOutput = 74
  /// Stopped by a signal, after saving.
  case stopped = 75

  /// The status that an error ends a program with; nil for an error that is none of ours.
  public static func of(_ error: any Error) -> Int32? {
    switch error {
    case let error as StorageError:
      switch error.kind {
      case .missing: ExitStatus.missing.rawValue
      case .damaged: ExitStatus.badData.rawValue
      case .failed: ExitStatus.inputOutput.rawValue
      }
    case is CorpusError, is TokenizerError, is NoTargetError: ExitStatus.badData.rawValue
    case is ConfigurationError: ExitStatus.usage.rawValue
    case is NotFiniteError: ExitStatus.brokenNumbers.rawValue
    case let error as any StatusCarrying: error.exitStatus
    default: nil
    }
  }
}

/// Tokens of which none is a target, so that there is no loss: documents of one token each.
public struct NoTargetError: Error, Equatable, CustomStringConvertible {
  /// What has no target, for the message.
  public let place: String

  public init(place: String) { self.place = place }

  public var description: String {
    "\(place) has no target token: all its documents are of one token, and the last token of a document predicts none "
      + "under data.document_mask; look at the corpus's documents, or set data.document_mask to false"
  }
}

/// A number that is not finite. What it was found in was not used any further.
public struct NotFiniteError: Error, Equatable, CustomStringConvertible {
  /// Where it was found.
  public enum Place: Sendable, Equatable {
    /// Before the step's update.
    case lossOrGradient(loss: Double, gradientNorm: Double)
    /// After it, and before they were saved.
    case weights
  }

  public let step: Int
  public let place: Place

  public var description: String {
    switch place {
    case .lossOrGradient(let loss, let gradientNorm):
      "step \(step): the loss is \(loss), the gradient's norm \(gradientNorm); stopped before the update. \(advice)"
    case .weights:
      "step \(step): the update has left weights that are not finite; they were not saved. \(advice)"
    }
  }

  private var advice: String {
    "Lower optimizer.learning_rate or training.gradient_clip and start another run, or resume from an earlier checkpoint"
  }
}
