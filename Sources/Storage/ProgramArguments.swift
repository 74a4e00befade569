import Foundation
import Text

/// The arguments that the program was started with.
public enum ProgramArguments {
  /// What is wrong with the first argument that is not UTF-8; nil where all are. Swift's `CommandLine.arguments` has
  /// U+FFFD in place of such bytes, and a file of that name is not there.
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
