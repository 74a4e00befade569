#ifndef PHD_CHDF5_SHIM_H
#define PHD_CHDF5_SHIM_H

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

/* HDF5's constants are macros that call H5open() first, so Swift does not import them. */

static inline hid_t phd_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t phd_native_uint16(void) { return H5T_NATIVE_UINT16; }
static inline hid_t phd_native_uint32(void) { return H5T_NATIVE_UINT32; }
static inline hid_t phd_native_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t phd_native_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t phd_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t phd_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t phd_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t phd_c_string(void) { return H5T_C_S1; }
static inline hid_t phd_default_properties(void) { return H5P_DEFAULT; }
static inline hid_t phd_whole_space(void) { return H5S_ALL; }
static inline hsize_t phd_unlimited(void) { return H5S_UNLIMITED; }
static inline haddr_t phd_no_address(void) { return HADDR_UNDEF; }

/* Starts the library without its clean-up at exit: after a failed flush (a full disk) the clean-up would repeat the
   flush, print to standard error and possibly crash. */
static inline herr_t phd_start_library(void) {
  H5dont_atexit();
  return H5open();
}

static inline herr_t phd_silence_errors(void) { return H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

/* File access: the newest format (checksummed metadata), no file locks (they fail on NFS and Lustre), and a close that
   closes whatever is still open inside the file. */
static inline hid_t phd_file_access(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0) return access;
  if (H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST) < 0 ||
      H5Pset_file_locking(access, 0, 1) < 0 || H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0) {
    H5Pclose(access);
    return -1;
  }
  return access;
}

/* Uses C streams instead of descriptors. HDF5 then does not recognize a file that is already open, and shares no caches
   with it. */
static inline herr_t phd_use_stdio(hid_t access) { return H5Pset_fapl_stdio(access); }

/* The descriptor of a file that was opened without phd_use_stdio; negative on error. */
static inline int phd_descriptor(hid_t file) {
  void *handle = NULL;
  if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0 || handle == NULL) return -1;
  return *(int *)handle;
}

static inline hid_t phd_open_for_reading(const char *path, hid_t access) {
  return H5Fopen(path, H5F_ACC_RDONLY, access);
}

static inline hid_t phd_create(const char *path, hsize_t user_block, hid_t access) {
  hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  if (creation < 0) return creation;
  hid_t file = -1;
  /* Without times, so that equal content gives equal bytes. */
  if (H5Pset_userblock(creation, user_block) >= 0 && H5Pset_obj_track_times(creation, 0) >= 0)
    file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
  if (file < 0) {
    /* H5Pclose would clear the error stack that the caller reads. */
    return file;
  }
  H5Pclose(creation);
  return file;
}

/* Creates a group without times. Groups that the library creates on the path of a dataset would have times. */
static inline hid_t phd_create_group(hid_t file, const char *name) {
  hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
  if (creation < 0) return creation;
  hid_t group = -1;
  if (H5Pset_obj_track_times(creation, 0) >= 0) group = H5Gcreate2(file, name, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (group >= 0) H5Pclose(creation);
  return group;
}

static inline hid_t phd_chunked_creation(hsize_t elements) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  if (properties >= 0) H5Pset_chunk(properties, 1, &elements);
  if (properties >= 0) H5Pset_obj_track_times(properties, 0);
  return properties;
}

/* Contiguous and without fill values, because every such dataset is written completely. */
static inline hid_t phd_contiguous_creation(void) {
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  if (properties >= 0) H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
  if (properties >= 0) H5Pset_obj_track_times(properties, 0);
  return properties;
}

/* A code for a stored number type, in either byte order: its bits, negative for a signed integer, plus 1000 for an
   IEEE float; 0 for any other type. */
static inline int phd_element_code(hid_t type) {
  size_t bytes = H5Tget_size(type);
  if (H5Tget_class(type) == H5T_INTEGER) {
    if (bytes > 8 || H5Tget_precision(type) != 8 * bytes) return 0;
    return (H5Tget_sign(type) == H5T_SGN_2 ? -8 : 8) * (int)bytes;
  }
  if (H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0) return 1032;
  if (H5Tequal(type, H5T_IEEE_F64LE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0) return 1064;
  return 0;
}

/* A variable-length string is stored in an attribute as a reference of 16 bytes: its length, the address of a heap and the
   number of an object in it. HDF5 1.10 follows it without checks and crashes on a damaged heap. Registering a conversion
   to 16 opaque bytes that changes nothing makes HDF5 return the reference. */
static inline herr_t phd_keep_bytes(hid_t from, hid_t to, H5T_cdata_t *conversion, size_t count, size_t stride,
                                    size_t background_stride, void *buffer, void *background, hid_t transfer) {
  if (conversion->command == H5T_CONV_INIT) conversion->need_bkg = H5T_BKG_NO;
  return 0;
}

static inline herr_t phd_read_string_reference(hid_t attribute, unsigned char reference[16]) {
  static _Bool is_registered = 0;
  hid_t opaque = H5Tcreate(H5T_OPAQUE, 16);
  hid_t text = H5Tcopy(H5T_C_S1);
  herr_t status = opaque < 0 || text < 0 || H5Tset_size(text, H5T_VARIABLE) < 0 ? -1 : 0;
  if (status >= 0 && !is_registered) {
    status = H5Tregister(H5T_PERS_SOFT, "phd string reference", text, opaque, phd_keep_bytes);
    is_registered = status >= 0;
  }
  if (status >= 0) status = H5Aread(attribute, opaque, reference);
  if (opaque >= 0) H5Tclose(opaque);
  if (text >= 0) H5Tclose(text);
  return status;
}

/* The offset of address 0 of a file, which is the size of its user block; negative if its addresses or lengths do not have
   8 bytes, which is not used in practice. */
static inline long long phd_base_address(hid_t file) {
  hid_t creation = H5Fget_create_plist(file);
  hsize_t base = 0;
  size_t address_bytes = 0, length_bytes = 0;
  if (creation < 0) return -1;
  herr_t status = H5Pget_userblock(creation, &base) < 0 ? -1 : H5Pget_sizes(creation, &address_bytes, &length_bytes);
  H5Pclose(creation);
  return status < 0 || address_bytes != 8 || length_bytes != 8 ? -1 : (long long)base;
}

/* The kind of a link: 0 hard, 1 soft, 2 external, 3 any other, negative on error. `bytes` receives the size of the target
   of a soft or external link. */
static inline int phd_link_kind(hid_t location, const char *name, size_t *bytes) {
  H5L_info_t information;
  if (H5Lget_info(location, name, &information, H5P_DEFAULT) < 0) return -1;
  *bytes = information.type == H5L_TYPE_HARD ? 0 : information.u.val_size;
  switch (information.type) {
  case H5L_TYPE_HARD: return 0;
  case H5L_TYPE_SOFT: return 1;
  case H5L_TYPE_EXTERNAL: return 2;
  default: return 3;
  }
}

/* 0 group, 1 dataset, 2 any other object, negative on error. */
static inline int phd_object_kind(hid_t location, const char *name) {
  H5O_info_t information;
  if (H5Oget_info_by_name2(location, name, &information, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
  return information.type == H5O_TYPE_GROUP ? 0 : information.type == H5O_TYPE_DATASET ? 1 : 2;
}

static inline long long phd_attribute_count(hid_t object) {
  H5O_info_t information;
  if (H5Oget_info2(object, &information, H5O_INFO_NUM_ATTRS) < 0) return -1;
  return (long long)information.num_attrs;
}

/* The number of chunks of a chunked dataset that are in the file; negative on error. */
static inline long long phd_stored_chunks(hid_t dataset) {
  hsize_t chunks = 0;
  hid_t space = H5Dget_space(dataset); /* HDF5 1.10.8 rejects H5S_ALL, although it is documented. */
  if (space < 0) return -1;
  herr_t status = H5Dget_num_chunks(dataset, space, &chunks);
  H5Sclose(space);
  return status < 0 ? -1 : (long long)chunks;
}

/* The innermost message of the error stack and, if a system call failed, its errno, otherwise 0. */
typedef struct {
  char *text;
  size_t capacity;
  int error_number;
} phd_error_report;

static inline herr_t phd_visit_error(unsigned depth, const H5E_error2_t *error, void *context) {
  phd_error_report *report = (phd_error_report *)context;
  if (error->desc == NULL) return 0;
  if (depth == 0) snprintf(report->text, report->capacity, "%s", error->desc);
  const char *number = strstr(error->desc, "errno = ");
  if (number != NULL && report->error_number == 0) sscanf(number, "errno = %d", &report->error_number);
  return 0;
}

static inline int phd_last_error(char *text, size_t capacity) {
  phd_error_report report = {text, capacity, 0};
  text[0] = 0;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, phd_visit_error, &report);
  return report.error_number;
}

#endif
