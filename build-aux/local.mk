# SPDX-License-Identifier: Apache-2.0
# embed: turns files into a C table, so that the programs carry their schemas and pages.
noinst_PROGRAMS += build-aux/embed
build_aux_embed_SOURCES = build-aux/embed.c
