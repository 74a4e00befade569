import COpenMPI
import Glibc
import Host
import Synchronization

/// All ranks of the job, as one of them sees them.
///
/// A program makes one, with `initialize()`, on its main thread, and calls it from that thread alone (MPI is asked for
/// `MPI_THREAD_FUNNELED`; the type is not `Sendable`). Every method that says *collective* must be called by all ranks,
/// in the same order; it returns when they have. A program started without `mpirun` is one rank, and does not start MPI.
public final class Communicator {
  /// This rank, from 0.
  public let rank: Int
  /// The number of ranks of the job.
  public let size: Int
  /// This rank among those of its node, from 0.
  public let nodeRank: Int
  /// The number of the job's ranks on this node.
  public let nodeSize: Int
  /// The name of this node.
  public let hostName: String

  /// This rank for messages: `rank 3 on node7`.
  public var name: String { "rank \(rank) on \(hostName)" }

  /// True on the one rank that prints, and reads and writes for the others.
  public var isRoot: Bool { rank == 0 }

  let world: MPI_Comm
  /// The communicator of point-to-point messages, where no collective's message can be mistaken for ours.
  let pointToPoint: MPI_Comm
  /// Whether MPI was started.
  private let usesMPI: Bool
  private var nextTag: Int32 = 0
  private let greatestTag: Int32
  /// Room for the ranks' terms of `sum`, kept so that a step allocates nothing.
  var gathered: [Double] = []

  private static let isStarted = Atomic<Bool>(false)

  /// Starts MPI, where there are other ranks. Collective; once in a process, on the main thread, before anything else of
  /// this module.
  ///
  /// - Throws: `StartError` where a launcher that Open MPI does not know started several ranks; `ResourceError` where
  ///   MPI would lack threads or open files; `CommunicationError` where MPI does not start, or was started already. Who
  ///   reports the error is for `isToReport` to say.
  public static func initialize() throws -> Communicator {
    guard !isStarted.exchange(true, ordering: .relaxed) else {
      throw CommunicationError(operation: "MPI_Init_thread", code: 0, message: "MPI was started already")
    }
    let launch = launch
    if launch.isAlone { return try Communicator(alone: ()) }
    try prepare(launch)
    if launch.foreignVariable != nil {
      // To Open MPI this may be a single rank: that one needs no daemon beside it, and no folder shared with others.
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

  /// The only rank, without MPI.
  private init(alone: Void) throws {
    guard let world = mpiCommWorld else {
      throw CommunicationError(operation: "MPI_COMM_WORLD", code: 0, message: "there is no such communicator")
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
      throw CommunicationError(operation: "MPI_COMM_WORLD", code: 0, message: "there is no such communicator")
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

  /// The name and version of the MPI library, one line.
  public static var libraryVersion: String {
    let text = mpiString(capacity: mpiMaximumLibraryVersion) { MPI_Get_library_version($0, $1) } ?? "unknown"
    return String(text.prefix { $0 != "," && $0 != "\n" && $0 != "\0" })
  }

  /// Waits until every rank has come here. Collective.
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

  /// Ends every rank at once, whatever it is doing; `mpirun` exits with `status`. Not collective: for the case in which
  /// this rank can't agree with the others any more.
  public func abort(status: ExitStatus) -> Never {
    if usesMPI { MPI_Abort(world, status.rawValue) }
    _exit(status.rawValue)
  }

  /// `count` tags that nobody else has. Not collective, but called in the same order on every rank. The tags come round
  /// again after `MPI_TAG_UB` / `count` calls.
  func takeTags(_ count: Int32) -> Int32 {
    if nextTag > greatestTag - count { nextTag = 0 }
    defer { nextTag += count }
    return nextTag
  }
}
