import Testing

@testable import Communication

/// How `Launch` interprets the variables of launchers. Names and values were observed with real launchers.
@Suite struct LaunchEnvironmentTests {
  private static let slurmStep = ["SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_STEP_TASKS_PER_NODE": "2(x2)"]

  private func launch(_ environment: [String: String]) -> Launch { Launch { environment[$0] } }

  @Test func `a program without a launcher is one rank`() {
    for environment in [
      [:], ["OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0"],
      ["PMI_SIZE": "1", "PMI_RANK": "0", "MPI_LOCALNRANKS": "1"],
      // srun --pty bash, with and without PMIx; the script of an sbatch -n 4.
      LaunchEnvironmentTests.slurmStep.merging(["SLURM_STEP_NUM_TASKS": "1"]) { $1 },
      LaunchEnvironmentTests.slurmStep.merging(["SLURM_STEP_NUM_TASKS": "1", "PMIX_RANK": "0"]) { $1 },
      ["SLURM_JOB_ID": "5", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"],
    ] {
      #expect(launch(environment).isAlone, "\(environment)")
      #expect(launch(environment).foreignLauncher == nil, "\(environment)")
    }
  }

  @Test func `ranks of mpirun and of srun with PMIx are recognized`() {
    let byMpirun = launch([
      "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "4", "PMIX_RANK": "3",
    ])
    #expect((byMpirun.rank, byMpirun.ranks, byMpirun.ranksOnHost) == (3, 8, 4))
    #expect(byMpirun.foreignLauncher == nil)
    let bySrun = launch(
      LaunchEnvironmentTests.slurmStep.merging(["SLURM_STEP_NUM_TASKS": "4", "PMIX_RANK": "1"]) { $1 })
    #expect((bySrun.rank, bySrun.ranks, bySrun.ranksOnHost) == (1, 4, 2))
    #expect(bySrun.foreignLauncher == nil && !bySrun.isRefusedByOpenMPI)
    // Another PMIx launcher, and a heterogeneous Slurm job with one task per part: the number of ranks is not known
    // yet.
    for environment in [
      ["PMIX_RANK": "0"], ["PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_HET_SIZE": "2"],
    ] {
      #expect(!launch(environment).isAlone && launch(environment).foreignLauncher == nil)
    }
  }

  @Test(arguments: [
    ["PMI_SIZE": "3", "PMI_RANK": "2", "MPI_LOCALNRANKS": "3"],
    ["MV2_COMM_WORLD_SIZE": "3", "MV2_COMM_WORLD_RANK": "2"],
    ["MPI_LOCALNRANKS": "3", "MPI_LOCALRANKID": "2"], ["PALS_SIZE": "3", "PALS_RANKID": "2"],
  ]) func `ranks of another MPI's launcher are an error`(environment: [String: String]) throws {
    let error = try #require(launch(environment).foreignLauncher)
    #expect(error.exitStatus == .usage)
    #expect(error.description.contains("started by another MPI's launcher") && error.description.contains("is 3"))
    #expect(error.description.contains("mpirun") && error.description.contains("srun --mpi=pmix"))
    #expect(launch(environment).rank == 2)
    // An Open MPI that was built for that launcher may still connect the ranks.
    #expect(!launch(environment).isRefusedByOpenMPI)
  }

  @Test func `srun without PMIx is refused before Open MPI ends the process`() throws {
    let plain = launch(LaunchEnvironmentTests.slurmStep.merging(["SLURM_STEP_NUM_TASKS": "4"]) { $1 })
    let error = try #require(plain.foreignLauncher)
    #expect(plain.isRefusedByOpenMPI && plain.rank == 1)
    #expect(error.description.contains("srun started 4 tasks") && error.description.contains("srun --mpi=pmix"))
    let withPMI2 = launch(
      LaunchEnvironmentTests.slurmStep.merging(["SLURM_STEP_NUM_TASKS": "4", "PMI_SIZE": "4", "PMI_RANK": "1"]) { $1 })
    #expect(withPMI2.foreignLauncher != nil && !withPMI2.isRefusedByOpenMPI)
  }

  @Test(arguments: [
    ([:], false, 12), (["OMPI_MCA_btl": "tcp,self"], false, 15), (["OMPI_MCA_btl": "vader,tcp,self"], false, 12),
    (["OMPI_MCA_btl": "^vader"], false, 12), (["OMPI_MCA_btl": "^vader,sm"], false, 15),
    (["OMPI_MCA_btl": "vader,self"], false, 0), (["OMPI_MCA_btl": "^tcp"], false, 0), ([:], true, 0),
    (["OMPI_MCA_btl": "tcp,self"], true, 15), (["OMPI_MCA_pml": "ucx"], false, 0), (["OMPI_MCA_pml": "ob1"], false, 12),
  ]) func `the number of TCP sockets depends on the transports and networks`(
    environment: [String: String], hasFastNetwork: Bool, peers: Int
  ) {
    let mpirun = ["OMPI_COMM_WORLD_SIZE": "16", "OMPI_COMM_WORLD_LOCAL_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"]
    let all = mpirun.merging(environment) { $1 }
    #expect(launch(all).peersOverTCP({ all[$0] }, hasFastNetwork: hasFastNetwork) == peers)
  }
}
