# SPDX-License-Identifier: Apache-2.0
# make check         unit and parity tests, and what is quick (TESTS)
# make check-system  the real daemon, real workers and a real browser (SYSTEM_TESTS)
# make check-long    what takes longer than a check should (LONG_TESTS)
# Every test prints TAP and finds the programs in ORTHOD, ORTHO_WORKER and ORTHOCTL.
TEST_EXTENSIONS = .py .mjs
PY_LOG_COMPILER = /usr/bin/python3
PY_LOG_DRIVER = $(LOG_DRIVER)
MJS_LOG_COMPILER = node
MJS_LOG_DRIVER = $(LOG_DRIVER)

AM_TESTS_ENVIRONMENT += \
	ORTHOD='$(abs_top_builddir)/orthod'; export ORTHOD; \
	ORTHO_WORKER='$(abs_top_builddir)/ortho-worker'; export ORTHO_WORKER; \
	ORTHOCTL='$(abs_top_builddir)/orthoctl'; export ORTHOCTL; \
	OD_SRCDIR='$(abs_top_srcdir)'; export OD_SRCDIR;

# One line a file, relative to the root; they belong into EXTRA_DIST too.
SYSTEM_TESTS =
SYSTEM_TESTS += tests/system/api_events_test.py
SYSTEM_TESTS += tests/system/api_jobs_test.py
SYSTEM_TESTS += tests/system/api_recipes_test.py
SYSTEM_TESTS += tests/system/api_server_test.py
SYSTEM_TESTS += tests/system/attacks_test.py
SYSTEM_TESTS += tests/system/auth_test.py
SYSTEM_TESTS += tests/system/daemon_test.py
SYSTEM_TESTS += tests/system/orthoctl_test.py
SYSTEM_TESTS += tests/system/quickstart_test.py
SYSTEM_TESTS += tests/system/readme_test.py
SYSTEM_TESTS += tests/fault/clock_test.py
SYSTEM_TESTS += tests/fault/daemon_kill_test.py
SYSTEM_TESTS += tests/fault/daemon_start_test.py
SYSTEM_TESTS += tests/fault/disk_full_test.py
SYSTEM_TESTS += tests/fault/kill_test.py
SYSTEM_TESTS += tests/fault/reboot_test.py
SYSTEM_TESTS += tests/system/security_test.py
SYSTEM_TESTS += tests/fault/worker_fault_test.py
SYSTEM_TESTS += tests/system/weights_test.py
SYSTEM_TESTS += tests/system/worker_test.py
SYSTEM_TESTS += $(web_tests)
if HAVE_SYSTEMD
SYSTEM_TESTS += tests/system/systemd_test.py
endif
LONG_TESTS =
LONG_TESTS += tests/system/quickstart_long.py
LONG_TESTS += tests/fault/fault_long_test.py
LONG_TESTS += tests/fault/kill_long_test.py
EXTRA_DIST += $(SYSTEM_TESTS) $(LONG_TESTS) tests/system/api.py tests/system/systemd_test.py \
	tests/fault/harness.py tests/fault/load.py tests/fault/shifted_clock.c

check-system: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(SYSTEM_TESTS)'

# The same daemon and workers in a build with sanitizers; browsers and PyTorch would only slow it.
check-system-sanitizers: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(filter tests/system/%,$(SYSTEM_TESTS))'

# The second half is a build of its own, in long/.
check-long: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(LONG_TESTS)'
	$(MKDIR_P) long
	cd long && { test -f Makefile || '$(abs_top_srcdir)/configure' CC='$(CC)' CXX='$(CXX)' \
		--enable-sanitizers --without-cuda; } && \
		$(MAKE) $(AM_MAKEFLAGS) && $(MAKE) $(AM_MAKEFLAGS) check-system-sanitizers

.PHONY: check-system check-system-sanitizers check-long
