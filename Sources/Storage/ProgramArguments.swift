import Foundation
import Text

/// The arguments of the program.
public enum ProgramArguments {
  /// An error message for the first argument that is not UTF-8; nil if all are. Swift's `CommandLine.arguments` replaces
  /// such bytes by U+FFFD, so that the file would not be found.
  public static var problem: String? {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else { continue }
      let bytes = UnsafeBufferPointer(start: argument, count: strlen(argument)).lazy.map { UInt8(bitPattern: $0) }
      return "argument \(index), \"\(escaped(bytes))\", is not UTF-8, and arguments and names of files must be: "
        + "rename the file"
    }
    return nil
  }
}
