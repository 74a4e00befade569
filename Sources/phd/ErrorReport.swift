import ArgumentParser
import Corpus
import Display
import Foundation
import Inference
import Server
import Training

/// How an error leaves the program: a line or two on standard error, and an exit status of sysexits.
enum ErrorReport {
  /// Ends the process. Asking for help or for the version is no error and goes to standard output.
  static func exit(with error: any Error) -> Never {
    Foundation.exit(report(error))
  }

  /// Returns the status to end with, and says what is wrong unless that is left to another rank.
  static func report(_ error: any Error, isSaid: Bool = true) -> Int32 {
    if let status = status(of: error) {
      if isSaid { print(toStandardError: "phd: \(error)") }
      return status
    }
    let code = PHD.exitCode(for: error)
    if code == .success {
      if isSaid { Swift.print(PHD.fullMessage(for: error)) }
      return code.rawValue
    }
    if code != .validationFailure { PHD.exit(withError: error) }
    // A list of the values that an option takes comes a line each.
    let message = PHD.message(for: error).replacing(":\n  - ", with: ": ").replacing("\n  - ", with: ", ")
    if isSaid { print(toStandardError: "phd: \(message) (see: phd help)") }
    return ExitStatus.usage.rawValue
  }

  private static func status(of error: any Error) -> Int32? {
    if error is InputFormatError { return ExitStatus.usage.rawValue }
    if error is ServerError { return ExitStatus.inputOutput.rawValue }
    guard let error = error as? InferenceError else { return ExitStatus.of(error) }
    switch error.kind {
    case .usage: return ExitStatus.usage.rawValue
    case .notFinite: return ExitStatus.brokenNumbers.rawValue
    }
  }

  static func print(toStandardError line: String) {
    StandardStream.error.write(line + "\n")
  }
}
