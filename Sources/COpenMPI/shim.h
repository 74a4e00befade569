#ifndef PHD_COPENMPI_SHIM_H
#define PHD_COPENMPI_SHIM_H

#include <mpi.h>

/* MPI's constants are macros that cast addresses, which Swift does not import: one accessor each. */

#define PHD_GETTER(NAME) __attribute__((swift_name("getter:" NAME "()"))) static inline

PHD_GETTER("mpiCommWorld") MPI_Comm phd_mpi_comm_world(void) { return MPI_COMM_WORLD; }
PHD_GETTER("mpiByte") MPI_Datatype phd_mpi_byte(void) { return MPI_BYTE; }
PHD_GETTER("mpiFloat") MPI_Datatype phd_mpi_float(void) { return MPI_FLOAT; }
PHD_GETTER("mpiDouble") MPI_Datatype phd_mpi_double(void) { return MPI_DOUBLE; }
PHD_GETTER("mpiInt64") MPI_Datatype phd_mpi_int64(void) { return MPI_INT64_T; }
PHD_GETTER("mpiUInt64") MPI_Datatype phd_mpi_uint64(void) { return MPI_UINT64_T; }
PHD_GETTER("mpiMinimum") MPI_Op phd_mpi_minimum(void) { return MPI_MIN; }
PHD_GETTER("mpiMaximum") MPI_Op phd_mpi_maximum(void) { return MPI_MAX; }
PHD_GETTER("mpiSum") MPI_Op phd_mpi_sum(void) { return MPI_SUM; }
PHD_GETTER("mpiBitwiseOr") MPI_Op phd_mpi_bitwise_or(void) { return MPI_BOR; }
PHD_GETTER("mpiInPlace") void *phd_mpi_in_place(void) { return MPI_IN_PLACE; }
PHD_GETTER("mpiRequestNull") MPI_Request phd_mpi_request_null(void) { return MPI_REQUEST_NULL; }
PHD_GETTER("mpiSuccess") int phd_mpi_success(void) { return MPI_SUCCESS; }
PHD_GETTER("mpiThreadFunneled") int phd_mpi_thread_funneled(void) { return MPI_THREAD_FUNNELED; }
PHD_GETTER("mpiMaximumErrorString") int phd_mpi_max_error_string(void) { return MPI_MAX_ERROR_STRING; }
PHD_GETTER("mpiMaximumProcessorName") int phd_mpi_max_processor_name(void) { return MPI_MAX_PROCESSOR_NAME; }
PHD_GETTER("mpiMaximumLibraryVersion") int phd_mpi_max_library_version(void) {
  return MPI_MAX_LIBRARY_VERSION_STRING;
}

/* Errors come back as return codes, to be thrown, where MPI would otherwise abort the job. */
static inline int phd_mpi_return_errors(MPI_Comm communicator) {
  return MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
}

/* The ranks that share memory with this one: those on its node. */
static inline int phd_mpi_split_by_node(MPI_Comm communicator, MPI_Comm *node) {
  return MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, node);
}

/* The greatest tag that MPI takes here; the standard promises at least 32767. */
static inline int phd_mpi_tag_upper_bound(void) {
  int *bound = 0;
  int found = 0;
  if (MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &found) != MPI_SUCCESS || !found) return 32767;
  return *bound;
}

#undef PHD_GETTER

#endif
