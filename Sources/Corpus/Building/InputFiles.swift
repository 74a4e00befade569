import Host
import Storage

/// An input that cannot be read with the given options. The file may be valid; the options do not fit it.
public struct InputFormatError: StatusCarrying, Equatable, CustomStringConvertible, Sendable {
  public var path: String
  /// What is wrong and which option helps, in one or two lines, without the path.
  public var message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  public var exitStatus: ExitStatus { .usage }

  public var description: String { "\(path): \(message)" }
}

/// Checks of a build's inputs before the first is read.
enum InputFiles {
  /// The total size of the inputs in bytes; pipes count as 0.
  ///
  /// - Throws: `StorageError`: `.missing` for an input that does not exist, `.failed` for a folder and for an input that
  ///   is also the output.
  static func byteCount(of inputs: [String], output: String) throws -> Int {
    let outputStatus = try? FileStatus(output)
    return try inputs.reduce(0) { total, input in
      let status = try FileStatus(input)
      if status.isFolder { throw StorageError(.failed, input, "is a folder; name files") }
      if let outputStatus, outputStatus.isSameFile(as: status) {
        throw StorageError(.failed, output, "is an input as well as the output; name another output")
      }
      return total + (status.isRegularFile ? status.size : 0)
    }
  }
}
