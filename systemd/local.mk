# SPDX-License-Identifier: Apache-2.0
# Units, and the user that they run as. `make install` leaves enabling to the administrator.
EXTRA_DIST += systemd/orthod.service.in systemd/orthod.socket systemd/orthod.sysusers
CLEANFILES += systemd/orthod.service

systemd/orthod.service: $(srcdir)/systemd/orthod.service.in
	@mkdir -p systemd
# Brackets, so that config.status does not replace the name in here.
	sed 's,[@]bindir[@],$(bindir),' $(srcdir)/systemd/orthod.service.in > $@

if INSTALL_UNITS
sysusersdir = $(prefix)/lib/sysusers.d
systemdsystemunit_DATA = systemd/orthod.service systemd/orthod.socket

install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) '$(srcdir)/systemd/orthod.sysusers' '$(DESTDIR)$(sysusersdir)/orthod.conf'
uninstall-hook:
	rm -f '$(DESTDIR)$(sysusersdir)/orthod.conf'
endif
