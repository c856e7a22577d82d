# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += docs/api.md docs/architecture.md docs/dashboard.png docs/datasets.md \
	docs/operations.md docs/run-directory.md docs/scheduling.md docs/security.md docs/weights.md

dist_man1_MANS = docs/man/ortho-worker.1 docs/man/orthoctl.1
dist_man8_MANS = docs/man/orthod.8
