import ArgumentParser
import Display
import Foundation
import Host

/// Reports errors and warnings on standard error, and chooses the exit status (`sysexits.h`).
enum ErrorReport {
  /// Ends the process. Requests for help or for the version are printed to standard output with status 0.
  static func exit(with error: any Error) -> Never {
    Foundation.exit(report(error))
  }

  /// Prints the error and returns the exit status.
  ///
  /// - Parameter prints: false if another rank prints the error.
  static func report(_ error: any Error, prints: Bool = true) -> Int32 {
    if let error = error as? any StatusCarrying {
      if prints { print(toStandardError: "phd: \(error)") }
      return error.exitStatus.rawValue
    }
    let code = PHD.exitCode(for: error)
    if code == .success {
      if prints { Swift.print(PHD.fullMessage(for: error)) }
      return code.rawValue
    }
    if code != .validationFailure { PHD.exit(withError: error) }
    // The parser prints an option's allowed values on one line each; we join them.
    let message = PHD.message(for: error).replacing(":\n  - ", with: ": ").replacing("\n  - ", with: ", ")
    if prints { print(toStandardError: "phd: \(message) (see: phd help)") }
    return ExitStatus.usage.rawValue
  }

  static func warn(_ message: String) { print(toStandardError: "phd: warning: \(message)") }

  static func print(toStandardError line: String) {
    StandardStream.error.write(line + "\n")
  }
}
