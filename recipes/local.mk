# SPDX-License-Identifier: Apache-2.0
# Job specs and experiments that are ready to be sent; compiled into libbase.
recipe_files = \
	recipes/debug-resnet.json \
	recipes/debug-vit.json \
	recipes/fashion-mnist-pair.json \
	recipes/fashion-mnist-smoke.json \
	recipes/resnet18-cifar10.json \
	recipes/resnet18-cifar100.json \
	recipes/resnet18-imagenet1k.json \
	recipes/resnet18-tiny-imagenet.json \
	recipes/vit-b-imagenet1k.json \
	recipes/vit-s-cifar10.json \
	recipes/vit-s-cifar100.json \
	recipes/vit-s-imagenet1k.json \
	recipes/vit-s-tiny-imagenet.json

nodist_libbase_a_SOURCES += recipes/embedded.c

recipes/embedded.c: build-aux/embed$(EXEEXT) $(recipe_files) $(srcdir)/recipes/local.mk
	$(AM_V_GEN)$(MKDIR_P) recipes && \
	build-aux/embed$(EXEEXT) od_recipes_embedded $(srcdir)/recipes/ $(recipe_files:%=$(srcdir)/%) > $@.tmp && \
	mv $@.tmp $@

CLEANFILES += recipes/embedded.c recipes/embedded.c.tmp
EXTRA_DIST += $(recipe_files)
