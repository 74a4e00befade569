import Storage

/// What is known of a build's inputs before the first is read.
enum InputFiles {
  /// The bytes of all files together; pipes count nothing.
  ///
  /// - Throws: `StorageError`, `.missing` for one that is not there, `.failed` for a folder and for one that is the
  ///   output as well.
  static func byteCount(of inputs: [String], output: String) throws -> Int {
    let outputStatus = try? FileStatus(output)
    return try inputs.reduce(0) { total, input in
      let status = try FileStatus(input)
      if status.isFolder { throw StorageError(.failed, input, "is a folder; name files") }
      if let outputStatus, (outputStatus.device, outputStatus.file) == (status.device, status.file) {
        throw StorageError(.failed, output, "is an input as well as the output; name another output")
      }
      return total + (status.isRegularFile ? status.size : 0)
    }
  }
}
