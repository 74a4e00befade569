import COpenMPI
import Glibc
import Host
import Synchronization

/// Communication among the ranks of a job.
///
/// A program creates one communicator with `initialize()` on its main thread and uses it from that thread only (MPI
/// runs with `MPI_THREAD_FUNNELED`; the type is not `Sendable`). Methods documented as *collective* must be called by
/// all ranks in the same order. A program started without `mpirun` is one rank and does not start MPI.
public final class Communicator {
  /// This rank, from 0.
  public let rank: Int
  /// The number of ranks of the job.
  public let size: Int
  /// This rank's number among the ranks of its node, from 0.
  public let nodeRank: Int
  /// The number of the job's ranks on this node.
  public let nodeSize: Int
  /// The name of this node.
  public let hostName: String

  /// The name of this rank for messages: `rank 3 on node7`.
  public var name: String { "rank \(rank) on \(hostName)" }

  /// Whether this is rank 0, which prints, and reads and writes files for all ranks.
  public var isRoot: Bool { rank == 0 }

  let world: MPI_Comm
  /// The communicator of point-to-point messages, separate from that of collectives so that their messages cannot be
  /// confused.
  let pointToPoint: MPI_Comm
  /// Whether MPI was started.
  private let usesMPI: Bool
  private var nextTag: Int32 = 0
  private let greatestTag: Int32
  /// Scratch buffer for the terms of `sum`, kept so that a training step allocates nothing.
  var gathered: [Double] = []

  private static let isStarted = Atomic<Bool>(false)

  /// Starts MPI if there are several ranks. Collective; called once per process, on the main thread, before any other
  /// function of this module.
  ///
  /// - Throws: `StartError` if several ranks were started by a launcher that Open MPI does not support; `ResourceError`
  ///   if MPI would lack threads or open files; `CommunicationError` if MPI does not start or was started already.
  ///   `isToReport` decides which rank reports the error.
  public static func initialize() throws -> Communicator {
    guard !isStarted.exchange(true, ordering: .relaxed) else {
      throw CommunicationError(operation: "MPI_Init_thread", code: 0, message: "MPI was started already")
    }
    let launch = launch
    if launch.isAlone { return try Communicator(alone: ()) }
    try prepare(launch)
    if launch.foreignVariable != nil {
      // Open MPI may take this process for a single rank, which needs no daemon and no session folder.
      setenv("OMPI_MCA_ess_singleton_isolated", "1", 0)
      setenv("OMPI_MCA_orte_create_session_dirs", "0", 0)
    }
    var provided: Int32 = 0
    try check(MPI_Init_thread(nil, nil, mpiThreadFunneled, &provided), "MPI_Init_thread")
    guard provided >= mpiThreadFunneled else {
      throw CommunicationError(
        operation: "MPI_Init_thread", code: 0, message: "this MPI does not allow a program to have threads")
    }
    let communicator = try Communicator()
    if communicator.size == 1, let error = launch.foreignLauncher {
      try communicator.finalize()
      throw error
    }
    return communicator
  }

  /// A single rank without MPI.
  private init(alone: Void) throws {
    guard let world = mpiCommWorld else {
      throw CommunicationError(operation: "MPI_COMM_WORLD", code: 0, message: "MPI has no world communicator")
    }
    (rank, size, nodeRank, nodeSize) = (0, 1, 0, 1)
    var name = utsname()
    hostName =
      uname(&name) == 0
      ? withUnsafeBytes(of: name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } : "unknown"
    (self.world, pointToPoint, usesMPI) = (world, world, false)
    greatestTag = .max
  }

  private init() throws {
    guard let world = mpiCommWorld else {
      throw CommunicationError(operation: "MPI_COMM_WORLD", code: 0, message: "MPI has no world communicator")
    }
    try check(phd_mpi_return_errors(world), "MPI_Comm_set_errhandler")
    var duplicate: MPI_Comm?
    try check(MPI_Comm_dup(world, &duplicate), "MPI_Comm_dup")
    var node: MPI_Comm?
    try check(phd_mpi_split_by_node(world, &node), "MPI_Comm_split_type")
    (rank, size) = try Self.position(in: world)
    (nodeRank, nodeSize) = try Self.position(in: node)
    try check(MPI_Comm_free(&node), "MPI_Comm_free")
    hostName = mpiString(capacity: mpiMaximumProcessorName) { MPI_Get_processor_name($0, $1) } ?? "unknown"
    self.world = world
    pointToPoint = duplicate ?? world
    greatestTag = phd_mpi_tag_upper_bound()
    usesMPI = true
  }

  private static func position(in communicator: MPI_Comm?) throws -> (rank: Int, size: Int) {
    var rank: Int32 = 0
    var size: Int32 = 0
    try check(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank")
    try check(MPI_Comm_size(communicator, &size), "MPI_Comm_size")
    return (Int(rank), Int(size))
  }

  /// The name and version of the MPI library, in one line.
  public static var libraryVersion: String {
    let text = mpiString(capacity: mpiMaximumLibraryVersion) { MPI_Get_library_version($0, $1) } ?? "unknown"
    return String(text.prefix { $0 != "," && $0 != "\n" && $0 != "\0" })
  }

  /// Waits until every rank has called this method. Collective.
  ///
  /// - Throws: `CommunicationError`.
  public func barrier() throws {
    guard size > 1 else { return }
    try check(MPI_Barrier(world), "MPI_Barrier")
  }

  /// Ends MPI. Collective; the last call of this module in the process.
  ///
  /// - Throws: `CommunicationError`.
  public func finalize() throws {
    guard usesMPI else { return }
    try check(MPI_Finalize(), "MPI_Finalize")
  }

  /// Ends all ranks immediately; `mpirun` exits with `status`. Not collective: for errors that this rank cannot
  /// communicate to the others.
  public func abort(status: ExitStatus) -> Never {
    if usesMPI { MPI_Abort(world, status.rawValue) }
    _exit(status.rawValue)
  }

  /// Reserves `count` message tags and returns the first. Not collective, but must be called in the same order on every
  /// rank. The tags wrap around after `MPI_TAG_UB` / `count` calls.
  func takeTags(_ count: Int32) -> Int32 {
    if nextTag > greatestTag - count { nextTag = 0 }
    defer { nextTag += count }
    return nextTag
  }
}
