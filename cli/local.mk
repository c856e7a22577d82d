# SPDX-License-Identifier: Apache-2.0
# orthoctl, the client of orthod's API. All but main() is a library, so that tests can link it.
noinst_LIBRARIES += libcli.a
libcli_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CURL_CFLAGS)
libcli_a_SOURCES = \
	cli/body.c cli/body.h \
	cli/cli.c cli/cli.h \
	cli/client.c cli/client.h \
	cli/clone.c \
	cli/commands.c cli/commands.h \
	cli/compare.c \
	cli/datasets.c \
	cli/devices.c \
	cli/drain.c \
	cli/experiments.c \
	cli/export.c \
	cli/help.c \
	cli/job.c cli/job.h \
	cli/key.c cli/key.h \
	cli/list.c \
	cli/logs.c \
	cli/options.c cli/options.h \
	cli/problem.c cli/problem.h \
	cli/recipes.c \
	cli/rows.c cli/rows.h \
	cli/sanitize.c cli/sanitize.h \
	cli/set.c \
	cli/show.c \
	cli/sse.c cli/sse.h \
	cli/steer.c \
	cli/submit.c \
	cli/summary.c \
	cli/table.c cli/table.h \
	cli/token.c \
	cli/url.c cli/url.h \
	cli/value.c cli/value.h \
	cli/watch.c
CLI_LIBS = libcli.a libbase.a $(CJSON_LIBS) $(YAML_LIBS) $(CURL_LIBS) -lm

bin_PROGRAMS += orthoctl
orthoctl_SOURCES = cli/main.c
orthoctl_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
orthoctl_LDADD = $(CLI_LIBS)

# Bash looks for the completion of a command in a file of its name.
completiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += cli/orthoctl.bash
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(completiondir)'
	$(INSTALL_DATA) '$(srcdir)/cli/orthoctl.bash' '$(DESTDIR)$(completiondir)/orthoctl'
uninstall-local:
	rm -f '$(DESTDIR)$(completiondir)/orthoctl'
