// SPDX-License-Identifier: Apache-2.0
// The memory half of a backend whose device is the host itself: plain memory, nothing queued. The
// device is not used and may be NULL.
#ifndef OD_CORE_BACKEND_HOST_H
#define OD_CORE_BACKEND_HOST_H

#include "core/backend/backend.h"

od_status od_host_alloc(od_device *device, size_t bytes, void **out, od_error *error) OD_MUST_CHECK;
void od_host_free(od_device *device, void *memory);
void od_host_upload(od_device *device, void *to, const void *from_host, size_t bytes);
void od_host_download(od_device *device, void *to_host, const void *from, size_t bytes);
void od_host_zero(od_device *device, void *to, size_t bytes);

// OD_E_INVALID unless options is NULL or asks for at least one thread and a known blas.
od_status od_host_check_options(const od_device_options *options, od_error *error) OD_MUST_CHECK;

#endif
