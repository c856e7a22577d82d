// SPDX-License-Identifier: Apache-2.0
// The dashboard, compiled into orthod: every file below web/ that a browser needs.
// Names are relative to web/ ("index.html", "js/app.js"). Produced by build-aux/embed
// from the list in web/local.mk. The pages need no style or script from anywhere else and
// work under Content-Security-Policy: default-src 'self'.
#ifndef OD_WEB_EMBEDDED_H
#define OD_WEB_EMBEDDED_H

#include "base/embedded.h"

// Ends with a row of NULLs; see od_embedded_find.
extern const od_embedded_file od_web_embedded[];

#endif
