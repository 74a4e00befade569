import Foundation
import Host

/// A file that is missing, damaged, or cannot be read or written.
public struct StorageError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Kind: Sendable {
    /// The file does not exist.
    case missing
    /// The file exists, but its content is wrong.
    case damaged
    /// The system cannot read or write it: permissions, a full disk, a failing device.
    case failed
  }

  public var kind: Kind
  public var path: String
  /// What is wrong and what to do, in one or two lines, without the path.
  public var message: String

  public init(_ kind: Kind, _ path: String, _ message: String) {
    self.kind = kind
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

extension StorageError {
  /// The error of a failed system call.
  ///
  /// - Parameter action: what failed, such as "cannot be opened".
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

  /// The system's message for an error number, such as "No space left on device".
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
