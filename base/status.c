// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

const char *od_status_text(od_status status) {
    switch (status) {
    case OD_OK:
        return "ok";
#define X(name, text) \
    case name:        \
        return text;
        OD_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}
