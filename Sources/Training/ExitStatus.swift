import Communication
import Storage
import SystemResources

/// How a program ends, in the numbers of sysexits.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// Wrong usage or configuration.
  case usage = 64
  /// A bad corpus or checkpoint.
  case badData = 65
  /// A file is missing.
  case missing = 66
  /// A rank no longer answered, or a step took too long: the watchdog's.
  case unavailable = 69
  /// The numbers broke: not finite, or not the same on all ranks.
  case brokenNumbers = 70
  /// Reading or writing failed, or the system gave no more threads or open files.
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
    case is InvalidFileError, is NoTargetError: ExitStatus.badData.rawValue
    case is ConfigurationError: ExitStatus.usage.rawValue
    case is NotFiniteError, is NotFiniteLossError, is NotFiniteWeightsError, is SkippedTooOftenError,
      is DivergedWeightsError:
      ExitStatus.brokenNumbers.rawValue
    case is ResourceError: ExitStatus.inputOutput.rawValue
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
