import Foundation
import Host

/// What went wrong with a file.
public struct StorageError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Kind: Sendable {
    /// The file is not there.
    case missing
    /// The file is there and its content is wrong.
    case damaged
    /// The system refused to read or write: permission, a full disk, a failing device.
    case failed
  }

  public var kind: Kind
  public var path: String
  /// What is wrong and what to do about it, in one or two lines, without the path.
  public var message: String

  public init(_ kind: Kind, _ path: String, _ message: String) {
    self.kind = kind
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

extension StorageError {
  /// The error of a system call that failed while doing `action` ("cannot open for reading").
  static func system(_ path: String, _ action: String, errno number: Int32) -> StorageError {
    switch number {
    case ENOENT, ENOTDIR:
      return StorageError(.missing, path, "there is no such file")
    case ENOSPC, EDQUOT:
      return StorageError(.failed, path, "\(action): \(text(of: number)); free some space and run again")
    default:
      return StorageError(.failed, path, "\(action): \(text(of: number))")
    }
  }

  /// The system's own words for an error number, "No space left on device".
  static func text(of number: Int32) -> String {
    String(cString: strerror(number))
  }
}

extension StorageError: StatusCarrying {
  public var exitStatus: ExitStatus {
    switch kind {
    case .missing: .missing
    case .damaged: .badData
    case .failed: .inputOutput
    }
  }
}
