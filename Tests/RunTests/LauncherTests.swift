import Foundation
import TestSupport
import Testing

/// Programs under other launchers than Open MPI's, simulated by environment variables, and under plain `mpirun`.
@Suite(.serialized) struct LauncherTests {
  /// The variables of `srun --pty bash`, with which Open MPI expects PMIx from Slurm.
  private static func slurm(tasks: Int, task: Int = 0) -> [String: String] {
    [
      "SLURM_JOB_ID": "7", "SLURM_JOBID": "7", "SLURM_STEP_ID": "0", "SLURM_STEPID": "0", "SLURM_NODELIST": "node1",
      "SLURM_JOB_NODELIST": "node1", "SLURM_STEP_NODELIST": "node1", "SLURM_NNODES": "1", "SLURM_NODEID": "0",
      "SLURM_NTASKS": "\(tasks)", "SLURM_NPROCS": "\(tasks)", "SLURM_STEP_NUM_TASKS": "\(tasks)",
      "SLURM_STEP_TASKS_PER_NODE": "\(tasks)", "SLURM_TASKS_PER_NODE": "\(tasks)", "SLURM_PROCID": "\(task)",
      "SLURM_LOCALID": "\(task)", "SLURM_CPUS_ON_NODE": "1",
    ]
  }

  private static let mpirun = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
  ]

  @Test(arguments: ["phd-train", "phd"]) func `processes started by MPICH's mpiexec are an error`(
    program: String
  ) throws {
    let workspace = try TestWorkspace()
    let arguments = program == "phd" ? ["benchmark", "train", "config.json"] : ["config.json"]
    for rank in 0..<2 {
      let outcome = try launch(
        program, arguments,
        environment: ["PMI_SIZE": "2", "PMI_RANK": "\(rank)", "MPI_LOCALNRANKS": "2", "MPI_LOCALRANKID": "\(rank)"],
        directory: workspace.path)
      #expect(outcome.status == 64)
      #expect(!FileManager.default.fileExists(atPath: workspace["runs"]))
      if rank == 0 {
        try expectError(outcome, 64, naming: ["started by another MPI's launcher", "mpirun", "srun --mpi=pmix"])
      } else {
        #expect(outcome.error.isEmpty, "\(outcome.error)")
      }
    }
  }

  @Test func `a single Slurm task runs as one rank`() throws {
    let workspace = try TestWorkspace()
    let environment = LauncherTests.slurm(tasks: 1)
    let plan = try workspace.train(["--dry-run", "--json"], environment: environment)
    #expect(plan.status == 0 && plan.output.hasPrefix("{"), "\(plan.error)")
    #expect(try workspace.train(["--stop-after", "2"], environment: environment).status == 0)
    let outcome = try launch(
      "phd", ["evaluate", "loss", "--checkpoint", workspace.run().checkpoint(2), "--corpus", "long.h5"],
      environment: environment, directory: workspace.path)
    #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
    // With the variables of PMIx but no PMIx server.
    let withPMIx = environment.merging(["PMIX_RANK": "0", "PMIX_NAMESPACE": "slurm.pmix.7.0"]) { $1 }
    #expect(try workspace.train(["--stop-after", "3"], environment: withPMIx).status == 0)
  }

  @Test func `several Slurm tasks without PMIx are an error of one line`() throws {
    let workspace = try TestWorkspace()
    for task in 0..<2 {
      let outcome = try workspace.train(environment: LauncherTests.slurm(tasks: 4, task: task))
      #expect(outcome.status == 64)
      if task > 0 {
        #expect(outcome.error.isEmpty)
      } else {
        try expectError(outcome, 64, naming: ["srun started 4 tasks", "srun --mpi=pmix"])
        #expect(outcome.error.split(separator: "\n").count == 1)
      }
    }
  }

  /// Runs mpirun with its default binding, which `launch` overrides.
  private func train(_ workspace: TestWorkspace, ranks: Int, _ options: [String]) throws -> Outcome {
    try launch(
      "/usr/bin/env",
      ["mpirun", "--quiet", "-n", "\(ranks)"] + options + [
        "\(buildDirectory)/phd-train", "config.json", "--overwrite", "--set", "training.threads=null", "--stop-after",
        "1",
      ],
      environment: LauncherTests.mpirun, directory: workspace.path)
  }

  @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "there is one processor"))
  func `a rank that mpirun binds to one core causes a warning`() throws {
    let workspace = try TestWorkspace()
    let bound = try train(workspace, ranks: 1, [])
    #expect(bound.status == 0, "\(bound.error)")
    #expect(bound.error.contains("--bind-to none"), "\(bound.error)")
    #expect(bound.error.contains("because mpirun binds one or two ranks to a core each"), "\(bound.error)")
    let messages = try workspace.run().records("warning").compactMap { $0["message"]?.string }
    #expect(messages.contains { $0.contains("--bind-to none") }, "\(messages)")
    let free = try train(workspace, ranks: 1, ["--bind-to", "none"])
    #expect(free.status == 0 && !free.error.contains("--bind-to none"), "\(free.error)")
    let chosen = try train(workspace, ranks: 1, ["--bind-to", "core"])
    #expect(chosen.status == 0 && !chosen.error.contains("--bind-to none"), "\(chosen.error)")
  }
}
