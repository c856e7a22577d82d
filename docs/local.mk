# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += docs/api.md docs/architecture.md docs/dashboard.png docs/datasets.md \
	docs/run-directory.md docs/weights.md
