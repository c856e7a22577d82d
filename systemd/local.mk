# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += systemd/orthod.service.in
CLEANFILES += systemd/orthod.service

systemd/orthod.service: $(srcdir)/systemd/orthod.service.in
	@mkdir -p systemd
# Brackets, so that config.status does not replace the name in here.
	sed 's,[@]bindir[@],$(bindir),' $(srcdir)/systemd/orthod.service.in > $@

all-local: systemd/orthod.service
