import ArgumentParser
import Corpus
import Foundation
import Storage

/// How an error leaves the program: a line or two on standard error, and an exit status of sysexits.
enum ErrorReport {
  static let wrongUsage: Int32 = 64
  static let badContent: Int32 = 65
  static let missingFile: Int32 = 66
  static let readingOrWritingFailed: Int32 = 74

  /// The exit status that an error of the library stands for; nil for what only the argument parser knows.
  static func status(of error: any Error) -> Int32? {
    switch error {
    case let error as StorageError:
      switch error.kind {
      case .missing: missingFile
      case .damaged: badContent
      case .failed: readingOrWritingFailed
      }
    case is CorpusError: badContent
    default: nil
    }
  }

  /// Ends the process. Asking for help or for the version is no error and goes to standard output.
  static func exit(with error: any Error) -> Never {
    if let status = status(of: error) {
      print(toStandardError: "phd: \(error)")
      Foundation.exit(status)
    }
    let code = PHD.exitCode(for: error)
    if code == .success || code != .validationFailure { PHD.exit(withError: error) }
    print(toStandardError: "phd: \(PHD.message(for: error)) (see: phd help)")
    Foundation.exit(wrongUsage)
  }

  static func print(toStandardError line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }
}
