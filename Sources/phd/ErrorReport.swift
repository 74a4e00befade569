import ArgumentParser
import Corpus
import Foundation
import Inference
import Kernels
import Training

/// How an error leaves the program: a line or two on standard error, and an exit status of sysexits.
enum ErrorReport {
  /// Ends the process. Asking for help or for the version is no error and goes to standard output.
  static func exit(with error: any Error) -> Never {
    if let status = status(of: error) {
      print(toStandardError: "phd: \(error)")
      Foundation.exit(status)
    }
    let code = PHD.exitCode(for: error)
    if code == .success || code != .validationFailure { PHD.exit(withError: error) }
    // A list of the values that an option takes comes a line each.
    let message = PHD.message(for: error).replacing(":\n  - ", with: ": ").replacing("\n  - ", with: ", ")
    print(toStandardError: "phd: \(message) (see: phd help)")
    Foundation.exit(ExitStatus.usage.rawValue)
  }

  private static func status(of error: any Error) -> Int32? {
    if error is InputFormatError { return ExitStatus.usage.rawValue }
    guard let error = error as? InferenceError else { return ExitStatus.of(error) }
    switch error.kind {
    case .usage: return ExitStatus.usage.rawValue
    case .missing: return ExitStatus.missing.rawValue
    }
  }

  /// To be called before any kernel runs.
  ///
  /// - Throws: `ConfigurationError` where this program was built for a greater processor than the one at hand.
  static func requireProcessor() throws {
    guard let feature = Processor.missingFeature else { return }
    throw ConfigurationError(
      "this program was built for a processor with \(feature), which this one lacks; build it here: launch/build.sh")
  }

  static func print(toStandardError line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }
}
