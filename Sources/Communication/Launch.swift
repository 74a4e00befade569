import Glibc
import Host

/// An error that occurs before the ranks can communicate.
public struct StartError: StatusCarrying, CustomStringConvertible, Equatable {
  /// What is wrong and what to do, in one line.
  public let description: String
  /// Whether the error occurs on every rank of the job, so that only rank 0 needs to report it.
  let isOnAllRanks: Bool

  public var exitStatus: ExitStatus { .usage }
}

/// How this process was started, according to its environment variables.
///
/// Open MPI's own launcher sets `OMPI_COMM_WORLD_…`; other launchers that Open MPI supports offer PMIx. If a launcher
/// uses another protocol (MPICH's `mpiexec`, `srun` without PMIx), Open MPI takes each process for a job of one rank.
struct Launch: Equatable {
  /// This process's number among those that were started together, from 0.
  var rank: Int
  /// The number of processes that were started together.
  var ranks: Int
  /// The number of these processes on this host; nil if unknown.
  var ranksOnHost: Int?
  /// Whether Open MPI can find the other ranks.
  var offersPMIx: Bool
  /// The variable that contains the number of ranks, if the launcher does not offer PMIx.
  var foreignVariable: String?
  /// Whether Slurm started this process.
  var isStartedBySlurm: Bool

  /// Variables of launchers that do not offer PMIx: the number of processes, and the number of this one.
  private static let foreignLaunchers = [
    ("PMI_SIZE", "PMI_RANK"), ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"), ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"), ("FLUX_JOB_SIZE", "FLUX_TASK_RANK"), ("PALS_SIZE", "PALS_RANKID"),
    ("MPI_LOCALNRANKS", "MPI_LOCALRANKID"),
  ]

  /// - Parameter environment: the value of a variable; nil if it is not set.
  init(_ environment: (String) -> String?) {
    func number(_ name: String) -> Int? { environment(name).flatMap { Int($0) } }
    // MPICH's launcher starts its proxies with srun, so they have Slurm's variables too.
    isStartedBySlurm = environment("SLURM_STEP_ID") != nil && environment("HYDI_CONTROL_FD") == nil
    if let ranks = number("OMPI_COMM_WORLD_SIZE") {
      (rank, self.ranks) = (number("OMPI_COMM_WORLD_RANK") ?? 0, ranks)
      (ranksOnHost, offersPMIx) = (number("OMPI_COMM_WORLD_LOCAL_SIZE"), true)
      return
    }
    let foreign = Launch.foreignLaunchers.first { (number($0.0) ?? 0) > 1 }
    rank = number("PMIX_RANK") ?? foreign.flatMap { number($0.1) } ?? 0
    ranks = foreign.flatMap { number($0.0) } ?? 1
    offersPMIx = environment("PMIX_RANK") != nil
    // Under other PMIx launchers, and in heterogeneous Slurm jobs, the number of ranks is not known before MPI starts.
    let isCounted = environment("SLURM_STEP_NUM_TASKS") != nil && environment("SLURM_HET_SIZE") == nil
    if offersPMIx && !isCounted { ranks = max(ranks, 2) }
    foreignVariable = offersPMIx ? nil : foreign?.0
    if isStartedBySlurm, let layout = environment("SLURM_STEP_TASKS_PER_NODE") {
      // For example 4(x2),3.
      ranksOnHost = layout.split(separator: ",").compactMap { $0.split(separator: "(").first.flatMap { Int($0) } }.min()
    }
  }

  /// Whether this is the only rank, so that MPI is not needed.
  var isAlone: Bool { ranks == 1 }

  /// The error if a launcher that Open MPI does not support started several ranks; otherwise nil.
  var foreignLauncher: StartError? {
    guard let foreignVariable, ranks > 1 else { return nil }
    let advice = "start it with Open MPI's mpirun, or with srun --mpi=pmix"
    return StartError(
      description: isStartedBySlurm
        ? "srun started \(ranks) tasks, but without PMIx, so Open MPI cannot connect them; \(advice) (for a shell: "
          + "srun -n 1 --pty bash)"
        : "started by another MPI's launcher (\(foreignVariable) is \(ranks)), so Open MPI cannot connect the ranks; "
          + advice,
      isOnAllRanks: true)
  }

  /// Whether Open MPI would end this process at its start, which it does if `srun` started it without any PMI.
  var isRefusedByOpenMPI: Bool { foreignVariable == "SLURM_STEP_NUM_TASKS" && isStartedBySlurm }

  // MARK: sockets

  /// The number of ranks that this one communicates with over TCP, with a socket each; 0 if another network may be
  /// used.
  ///
  /// - Parameter hasFastNetwork: whether the host has a network that Open MPI prefers over TCP.
  func peersOverTCP(_ environment: (String) -> String?, hasFastNetwork: Bool) -> Int {
    if let layer = environment("OMPI_MCA_pml"), !layer.split(separator: ",").contains("ob1") { return 0 }
    // A list of transports, or with ^ of excluded transports.
    let list = environment("OMPI_MCA_btl") ?? ""
    let isExcluding = list.hasPrefix("^")
    let named = list.drop { $0 == "^" }.split(separator: ",")
    func uses(_ transport: Substring) -> Bool { named.isEmpty || named.contains(transport) != isExcluding }
    guard uses("tcp") else { return 0 }
    if hasFastNetwork && (named.isEmpty || isExcluding) { return 0 }
    let sharesMemory = uses("vader") || uses("sm")
    return ranks - (sharesMemory ? ranksOnHost ?? ranks : 1)
  }

  /// Whether the host has InfiniBand, Omni-Path or EFA, which Linux lists in this folder.
  static var hasFastNetwork: Bool {
    guard let folder = opendir("/sys/class/infiniband") else { return false }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      // Skips the entries `.` and `..`.
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { return true }
    }
    return false
  }

  /// Files and sockets that Open MPI opens in a rank, not counting sockets to other ranks.
  private static let filesOfMPI = 16

  /// The maximum address space of Open MPI, in bytes: its libraries, its threads' heaps, and memory shared with the
  /// other ranks of the host.
  private static func addressSpaceOfMPI(ranksOnHost: Int) -> Int { (400 + 5 * ranksOnHost) << 20 }

  /// Threads that Open MPI starts in a rank.
  private static let threadsOfMPI = 4

  /// Checks that the process can have the threads and open files that Open MPI needs. Without them Open MPI hangs, or
  /// ends the process.
  ///
  /// - Throws: `ResourceError`.
  func requireResources(_ environment: (String) -> String?) throws(ResourceError) {
    try ResourceLimit.requireAddressSpace(Launch.addressSpaceOfMPI(ranksOnHost: ranksOnHost ?? ranks), for: "Open MPI")
    try SystemThread.requireRoom(for: Launch.threadsOfMPI, "of Open MPI")
    let peers = peersOverTCP(environment, hasFastNetwork: Launch.hasFastNetwork)
    let purpose =
      peers > 0
      ? "this rank needs a socket for each of the \(peers) ranks that it reaches over TCP"
      : "Open MPI needs \(Launch.filesOfMPI) files"
    try OpenFiles.reserve(sockets: peers, for: purpose, andOthers: Launch.filesOfMPI)
  }
}

extension Communicator {
  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// How this process was started.
  static var launch: Launch { Launch(variable) }

  /// Whether this process was started as one of several ranks of a job.
  public static var isLaunched: Bool { !launch.isAlone }

  /// Checks that MPI can start.
  ///
  /// - Throws: `StartError`, `ResourceError`.
  static func prepare(_ launch: Launch) throws {
    if launch.isRefusedByOpenMPI, let error = launch.foreignLauncher { throw error }
    try launch.requireResources(variable)
  }

  /// Whether this rank should report an error that `initialize()`, or code before it, has thrown.
  ///
  /// The ranks cannot communicate yet. Rank 0 reports its error immediately, and `mpirun` then ends the other ranks
  /// within a second. Other ranks sleep first, higher ranks longer, and report their error if they are still running,
  /// which means that no lower rank had an error.
  public static func isToReport(_ error: any Error) -> Bool {
    if launch.rank == 0 { return true }
    if let error = error as? StartError, error.isOnAllRanks { return false }
    sleep(UInt32(min(1 + 2 * launch.rank, 9)))
    return true
  }
}
