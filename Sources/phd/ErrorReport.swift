import ArgumentParser
import Display
import Foundation
import Host

/// How an error leaves the program: a line or two on standard error, and an exit status of sysexits.
enum ErrorReport {
  /// Ends the process. Asking for help or for the version is no error and goes to standard output.
  static func exit(with error: any Error) -> Never {
    Foundation.exit(report(error))
  }

  /// Returns the status to end with, and says what is wrong unless that is left to another rank.
  static func report(_ error: any Error, isSaid: Bool = true) -> Int32 {
    if let error = error as? any StatusCarrying {
      if isSaid { print(toStandardError: "phd: \(error)") }
      return error.exitStatus.rawValue
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

  static func print(toStandardError line: String) {
    StandardStream.error.write(line + "\n")
  }
}
