// SPDX-License-Identifier: Apache-2.0
#include "daemon/filesystem.h"

#include "base/buffer.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { MOUNTINFO_MAX_BYTES = 4 << 20, FUSE_MAGIC = 0x65735546 };

// The magics are the kernel's (statfs(2)), and stand here as numbers because headers have but some.
static const struct {
    uint64_t magic;
    const char *name;
} networks[] = {
    {0x6969, "NFS"},        {0x517b, "SMB"},      {0xff534d42, "CIFS"},   {0xfe534d42, "SMB2"},
    {0x5346414f, "AFS"},    {0x6b414653, "AFS"},  {0x73757245, "Coda"},   {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"},
};

static const char *const fuse_networks[] = {
    "sshfs", "glusterfs", "ceph",    "ceph-fuse", "s3fs",          "rclone",   "gcsfuse",
    "davfs", "goofys",    "juicefs", "mfs",       "lizardfs",      "nfs",      "smbnetfs",
    "afpfs", "curlftpfs", "moosefs", "mount-s3",  "mountpoint-s3", "blobfuse", "blobfuse2",
};

const char *od_filesystem_network(uint64_t magic, const char *type) {
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        if (networks[i].magic == magic) {
            return networks[i].name;
        }
    }
    if (magic != FUSE_MAGIC || strncmp(type, "fuse.", 5) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof fuse_networks / sizeof fuse_networks[0]; i++) {
        if (strcmp(fuse_networks[i], type + 5) == 0) {
            return fuse_networks[i];
        }
    }
    return NULL;
}

// "36 35 98:0 / /mnt rw shared:1 - ext4 /dev/root rw": the device is the third field, the type
// stands behind the lone dash. Spaces in paths are written as \040.
void od_filesystem_type(const char *mountinfo, dev_t device, char out[OD_FILESYSTEM_TYPE_BYTES]) {
    char number[32];
    snprintf(number, sizeof number, " %u:%u ", major(device), minor(device));
    out[0] = '\0';
    for (const char *line = mountinfo; line != NULL && *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        const char *dash = memmem(line, (size_t)(end - line), " - ", 3);
        if (dash != NULL && memmem(line, (size_t)(dash - line), number, strlen(number)) != NULL) {
            const char *type = dash + 3;
            snprintf(out, OD_FILESYSTEM_TYPE_BYTES, "%.*s", (int)strcspn(type, " \n"), type);
        }
        line = *end == '\n' ? end + 1 : NULL;
    }
}

static void find_type(const char *folder, char out[OD_FILESYSTEM_TYPE_BYTES]) {
    struct stat info;
    od_buffer text = {0};
    od_error ignored;
    out[0] = '\0';
    if (stat(folder, &info) == 0 &&
        od_file_read("/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &text, &ignored) == OD_OK) {
        od_filesystem_type(text.data, info.st_dev, out);
    }
    od_buffer_fini(&text);
}

od_status od_filesystem_check(const char *folder, od_error *error) {
    struct statfs info;
    char type[OD_FILESYSTEM_TYPE_BYTES] = "";
    if (statfs(folder, &info) != 0) {
        return OD_OK;
    }
    uint64_t magic = (uint32_t)info.f_type;
    if (magic == FUSE_MAGIC) {
        find_type(folder, type);
    }
    const char *network = od_filesystem_network(magic, type);
    if (network == NULL) {
        return OD_OK;
    }
    return od_error_set(error, OD_E_UNSUPPORTED,
                        "state directory %s: is on a network file system (%s), where SQLite's "
                        "write-ahead log has no memory to share and locks may not hold; give "
                        "--state-dir a folder on a local disk (data sets may stay where they are)",
                        folder, network);
}
