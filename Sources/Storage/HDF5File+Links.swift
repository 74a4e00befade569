import CHDF5

extension HDF5File {
  /// The maximum number of soft links on the way to an object; more are taken for a cycle.
  private static var maximumSoftLinks: Int { 16 }

  /// Resolves `name` to the path of the object through hard links only; nil if there is no such object.
  ///
  /// All lookups of groups, datasets and attributes use this. Soft links are followed. Links to other files are not,
  /// because the size, the seal and the changes of only one file are checked.
  ///
  /// - Throws: `StorageError`, `.damaged` if a link on the way is broken, leads to another file, or forms a cycle.
  func resolve(_ name: String) throws -> String? {
    try withIdentifier { file in
      var place = ""
      var rest = HDF5File.components(of: name)[...]
      // The target of the last soft link, for the message if it does not exist.
      var target: String?
      var softLinks = 0
      while let component = rest.popFirst() {
        if !place.isEmpty && phd_object_kind(file, place) != 0 { return try absent(name, target) }
        let next = place + "/" + component
        let answer = H5Lexists(file, next, phd_default_properties())
        if answer < 0 { throw HDF5Library.failure(.damaged, path, "cannot look for \(next)") }
        if answer == 0 { return try absent(name, target) }
        var bytes = 0
        switch phd_link_kind(file, next, &bytes) {
        case 0: place = next
        case 1:
          softLinks += 1
          guard softLinks <= HDF5File.maximumSoftLinks else {
            throw StorageError(.damaged, path, "the soft link \(next) is part of a cycle; replace it by its object")
          }
          let value = String(decoding: try linkValue(next, file, bytes).prefix { $0 != 0 }, as: UTF8.self)
          if value.hasPrefix("/") { place = "" }
          rest = (HDF5File.components(of: value) + rest)[...]
          target = value
        case 2: throw linkToAnotherFile(next, try linkValue(next, file, bytes))
        default: throw StorageError(.damaged, path, "\(next) is a link of an unknown kind; replace it by its object")
        }
      }
      return place.isEmpty ? "/" : place
    }
  }

  /// In HDF5, "." is the group itself and "//" is "/".
  private static func components(of name: String) -> [String] {
    name.split(separator: "/").map(String.init).filter { $0 != "." }
  }

  /// - Parameter target: the target of a soft link that was followed, which must exist; nil if there was none.
  private func absent(_ name: String, _ target: String?) throws -> String? {
    guard let target else { return nil }
    throw StorageError(
      .damaged, path, "\(name) is a soft link to \(target), which does not exist; replace the link by its object")
  }

  private func linkValue(_ link: String, _ file: hid_t, _ bytes: Int) throws -> [UInt8] {
    guard bytes < 1 << 16 else { throw StorageError(.damaged, path, "the link \(link) declares \(bytes) bytes") }
    var value = [UInt8](repeating: 0, count: bytes + 1)
    guard H5Lget_val(file, link, &value, bytes, phd_default_properties()) >= 0 else {
      throw HDF5Library.failure(.damaged, path, "the link \(link) cannot be read")
    }
    return value
  }

  /// - Parameter value: one byte of flags, the name of the file and that of the object, each terminated by 0.
  private func linkToAnotherFile(_ link: String, _ value: [UInt8]) -> StorageError {
    let names = value.dropFirst().split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    let object = names.count > 1 ? "\(names[1]) of " : ""
    return StorageError(
      .damaged, path,
      "\(link) is a link to \(object)\(names.first ?? ""), and links to other files are not followed; copy the data "
        + "into one file: h5copy -f ext -i \(path) -o COPY.h5 -s \(link) -d \(link)")
  }
}
