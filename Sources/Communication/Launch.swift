import Glibc
import Host

/// An error from before the ranks can talk to each other.
public struct StartError: StatusCarrying, CustomStringConvertible, Equatable {
  /// What is wrong and what to do. One line.
  public let description: String
  /// Whether every rank of the job meets it, so that rank 0's message is enough.
  let isOnAllRanks: Bool

  public var exitStatus: ExitStatus { .usage }
}

/// How a process was started, as its environment tells.
///
/// Open MPI's own launcher sets `OMPI_COMM_WORLD_…`; other launchers that Open MPI understands offer PMIx. If a
/// launcher uses another protocol (MPICH's `mpiexec`, `srun` without PMIx), Open MPI takes each process for a job of one rank.
struct Launch: Equatable {
  /// This process among those that were started together, from 0.
  var rank: Int
  /// How many were started together.
  var ranks: Int
  /// The number of these processes on this host; nil if unknown.
  var ranksOnHost: Int?
  /// Whether Open MPI can find the other ranks.
  var offersPMIx: Bool
  /// The variable that tells of `ranks`, where the launcher is not one that offers PMIx.
  var foreignVariable: String?
  /// Whether Slurm started this process.
  var isOfSlurm: Bool

  /// Variables of launchers that do not offer PMIx: the number of processes, and this one's number.
  private static let foreignLaunchers = [
    ("PMI_SIZE", "PMI_RANK"), ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"), ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"), ("FLUX_JOB_SIZE", "FLUX_TASK_RANK"), ("PALS_SIZE", "PALS_RANKID"),
    ("MPI_LOCALNRANKS", "MPI_LOCALRANKID"),
  ]

  /// - Parameter environment: the value of a variable; nil where it is not set.
  init(_ environment: (String) -> String?) {
    func number(_ name: String) -> Int? { environment(name).flatMap { Int($0) } }
    // MPICH's launcher starts its proxies with srun.
    isOfSlurm = environment("SLURM_STEP_ID") != nil && environment("HYDI_CONTROL_FD") == nil
    if let ranks = number("OMPI_COMM_WORLD_SIZE") {
      (rank, self.ranks) = (number("OMPI_COMM_WORLD_RANK") ?? 0, ranks)
      (ranksOnHost, offersPMIx) = (number("OMPI_COMM_WORLD_LOCAL_SIZE"), true)
      return
    }
    let foreign = Launch.foreignLaunchers.first { (number($0.0) ?? 0) > 1 }
    rank = number("PMIX_RANK") ?? foreign.flatMap { number($0.1) } ?? 0
    ranks = foreign.flatMap { number($0.0) } ?? 1
    offersPMIx = environment("PMIX_RANK") != nil
    // How many ranks another launcher of PMIx, or a job of Slurm in several parts, has is known once MPI has started.
    let isCounted = environment("SLURM_STEP_NUM_TASKS") != nil && environment("SLURM_HET_SIZE") == nil
    if offersPMIx && !isCounted { ranks = max(ranks, 2) }
    foreignVariable = offersPMIx ? nil : foreign?.0
    if isOfSlurm, let layout = environment("SLURM_STEP_TASKS_PER_NODE") {
      // 4(x2),3
      ranksOnHost = layout.split(separator: ",").compactMap { $0.split(separator: "(").first.flatMap { Int($0) } }.min()
    }
  }

  /// Whether there is nobody to talk to, so that MPI is not needed.
  var isAlone: Bool { ranks == 1 }

  /// Why a process is not the only rank though Open MPI would take it for that; nil where that is not so.
  var foreignLauncher: StartError? {
    guard let foreignVariable, ranks > 1 else { return nil }
    let advice = "start it with Open MPI's mpirun, or with srun --mpi=pmix"
    return StartError(
      description: isOfSlurm
        ? "srun started \(ranks) tasks, but without PMIx, so Open MPI cannot connect them; \(advice) (for a shell: "
          + "srun -n 1 --pty bash)"
        : "started by another MPI's launcher (\(foreignVariable) is \(ranks)), so Open MPI cannot connect the ranks; \(advice)",
      isOnAllRanks: true)
  }

  /// Whether Open MPI would not even start: it ends a process that `srun` started without any PMI.
  var isRefusedByOpenMPI: Bool { foreignVariable == "SLURM_STEP_NUM_TASKS" && isOfSlurm }

  // MARK: sockets

  /// How many other ranks this one talks to over TCP, with a socket each; 0 where another network may be used.
  ///
  /// - Parameter hasFastNetwork: whether the host has a network that Open MPI prefers to TCP.
  func peersOverTCP(_ environment: (String) -> String?, hasFastNetwork: Bool) -> Int {
    if let layer = environment("OMPI_MCA_pml"), !layer.split(separator: ",").contains("ob1") { return 0 }
    // A list of transports, or of those that are left out.
    let list = environment("OMPI_MCA_btl") ?? ""
    let isExcluding = list.hasPrefix("^")
    let named = list.drop { $0 == "^" }.split(separator: ",")
    func uses(_ transport: Substring) -> Bool { named.isEmpty || named.contains(transport) != isExcluding }
    guard uses("tcp") else { return 0 }
    if hasFastNetwork && (named.isEmpty || isExcluding) { return 0 }
    let sharesMemory = uses("vader") || uses("sm")
    return ranks - (sharesMemory ? ranksOnHost ?? ranks : 1)
  }

  /// InfiniBand, Omni-Path and EFA are listed there.
  static var hasFastNetwork: Bool {
    guard let folder = opendir("/sys/class/infiniband") else { return false }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      // The names `.` and `..` are always there.
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { return true }
    }
    return false
  }

  /// Open MPI's own files and sockets in a rank, but for those of its peers.
  private static let filesOfMPI = 16
  /// The most bytes of address space that Open MPI takes: its libraries, its threads' heaps, and memory that it shares
  /// with the other ranks of the host.
  private static func addressSpaceOfMPI(ranksOnHost: Int) -> Int { (400 + 5 * ranksOnHost) << 20 }

  /// Open MPI's own threads in a rank.
  private static let threadsOfMPI = 4

  /// Checks that Open MPI will find the threads and open files that it needs: without them it hangs, or ends the process
  /// with messages of its own.
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

  /// True in a process that was started with others as one job.
  public static var isLaunched: Bool { !launch.isAlone }

  /// Checks that MPI can start.
  ///
  /// - Throws: `StartError`, `ResourceError`.
  static func prepare(_ launch: Launch) throws {
    if launch.isRefusedByOpenMPI, let error = launch.foreignLauncher { throw error }
    try launch.requireResources(variable)
  }

  /// Whether this rank is to report an error that `initialize()`, or something before it, has thrown.
  ///
  /// The ranks cannot agree on who does. Rank 0 does at once, and `mpirun` then ends the others within a second; these
  /// wait for that, the higher ranks longer, and report it themselves only where it does not come, because no lower rank
  /// has met an error.
  public static func isToReport(_ error: any Error) -> Bool {
    if launch.rank == 0 { return true }
    if let error = error as? StartError, error.isOnAllRanks { return false }
    sleep(UInt32(min(1 + 2 * launch.rank, 9)))
    return true
  }
}
