# SPDX-License-Identifier: Apache-2.0
# orthod beside numbers that PyTorch computed. tests/parity/generate.py wrote them into data/.
PARITY_CASES = \
	accumulate accumulate-clip adamw bf16 bf16-linear blocks clip cos-min eps feature-adam \
	feature-sgd global-adam global-sgd linear-adam linear-sgd max-steps mixup negative-adam \
	negative-sgd smoothing step-min warmup-const warmup-cos warmup-lin warmup-step $(PARITY_DRAWN)
# What patterns and randomness are about, on a narrower model.
PARITY_DRAWN = \
	rezero-linear-adam rezero-linear-sgd rezero-feature-adam rezero-feature-sgd \
	rezero_constrained-linear-adam rezero_constrained-linear-sgd \
	rezero_constrained-feature-adam rezero_constrained-feature-sgd \
	rescale_stream-linear-adam rescale_stream-linear-sgd \
	rescale_stream-feature-adam rescale_stream-feature-sgd \
	probability probability-rezero drops perturbation
# Cases that end with the same weights share a file.
PARITY_WEIGHTS = \
	start ops patterns accumulate accumulate-clip adamw bf16 bf16-linear blocks clip cos-min eps \
	feature-adam feature-sgd linear-adam linear-sgd max-steps mixup negative-adam negative-sgd \
	smoothing step-min warmup-const warmup-cos warmup-lin warmup-step \
	start-default start-rezero start-rezero_constrained start-rescale_stream $(PARITY_DRAWN)
# Runs of ResNets, whose weights follow from a formula.
RESNET_CASES = \
	resnet101-global-sgd resnet152-linear-adam resnet18-accumulate \
	resnet18-bf16-feature-adam resnet18-bf16-linear-sgd \
	resnet18-conv1x1-feature-adam resnet18-conv1x1-global-sgd resnet18-drawn \
	resnet18-feature-adam resnet18-feature-sgd resnet18-global-adam resnet18-global-sgd \
	resnet18-linear-adam resnet18-linear-sgd resnet18-negative-adam resnet18-negative-sgd \
	resnet18-rescale_stream-global-adam resnet18-rescale_stream-linear-sgd \
	resnet18-rezero-feature-adam resnet18-rezero-linear-sgd \
	resnet18-rezero_constrained-feature-sgd resnet18-rezero_constrained-linear-adam \
	resnet34-feature-adam resnet50-feature-sgd
EXTRA_DIST += \
	$(RESNET_CASES:%=tests/parity/data/%.json) \
	tests/parity/resnet.py \
	tests/parity/resnet_cases.py \
	$(PARITY_CASES:%=tests/parity/data/%.json) \
	$(PARITY_WEIGHTS:%=tests/parity/data/%.safetensors) \
	tests/parity/data/images \
	tests/parity/drawn.py \
	tests/parity/fashion_mnist.py \
	tests/parity/generate.py \
	tests/parity/data/pipelines.safetensors \
	tests/parity/data/pixels.bin \
	tests/parity/data/pixels.json \
	tests/parity/golden_ops.py \
	tests/parity/golden_patterns.py \
	tests/parity/golden_pixels.py \
	tests/parity/mixup.py \
	tests/parity/philox.py \
	tests/parity/images.py \
	tests/parity/safetensors_file.py \
	tests/parity/training.py \
	tests/parity/vit.py

SYSTEM_TESTS += tests/parity/resnet_patterns_in_torch.py
SYSTEM_TESTS += tests/parity/load_in_torch.py tests/parity/verify_goldens.py
LONG_TESTS += tests/parity/verify_resnets.py
SYSTEM_TESTS += tests/parity/weights_from_torch.py

if HAVE_CMOCKA
PARITY_CFLAGS = $(CORE_TEST_CFLAGS) -DPARITY_DATA='"$(abs_top_srcdir)/tests/parity/data"'
resnet_tests = tests/parity/resnet_connections_test tests/parity/resnet_depths_test \
	tests/parity/resnet_patterns_test
check_PROGRAMS += tests/parity/images_test tests/parity/ops_test tests/parity/parity_test \
	tests/parity/pixels_test $(resnet_tests)
TESTS += tests/parity/images_test tests/parity/ops_test tests/parity/pixels_test
# Whole runs on each backend say nothing more under the sanitizers than the unit tests' runs do,
# and take minutes there.
if !SANITIZERS
TESTS += tests/parity/parity_test $(resnet_tests)
endif

tests_parity_images_test_SOURCES = tests/parity/cmocka_headers.h tests/parity/images_test.c
tests_parity_images_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_images_test_LDADD = $(CORE_TEST_LIBS)

tests_parity_ops_test_SOURCES = \
	tests/parity/bench.c tests/parity/bench.h \
	tests/parity/cmocka_headers.h \
	tests/parity/fixture.c tests/parity/fixture.h \
	tests/parity/ops_test.c \
	tests/parity/pattern_ops.c tests/parity/pattern_ops.h
tests_parity_ops_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_ops_test_LDADD = $(CORE_TEST_LIBS)

tests_parity_parity_test_SOURCES = \
	tests/parity/cmocka_headers.h \
	tests/parity/fixture.c tests/parity/fixture.h \
	tests/parity/parity_test.c
tests_parity_parity_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_parity_test_LDADD = $(CORE_TEST_LIBS)

resnet_run_sources = \
	tests/parity/cmocka_headers.h \
	tests/parity/fixture.c tests/parity/fixture.h \
	tests/parity/resnet_run.c tests/parity/resnet_run.h

tests_parity_resnet_connections_test_SOURCES = $(resnet_run_sources) \
	tests/parity/resnet_connections_test.c
tests_parity_resnet_connections_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_resnet_connections_test_LDADD = $(CORE_TEST_LIBS)

tests_parity_resnet_depths_test_SOURCES = $(resnet_run_sources) \
	tests/parity/resnet_depths_test.c
tests_parity_resnet_depths_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_resnet_depths_test_LDADD = $(CORE_TEST_LIBS)

tests_parity_resnet_patterns_test_SOURCES = $(resnet_run_sources) \
	tests/parity/resnet_patterns_test.c
tests_parity_resnet_patterns_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_resnet_patterns_test_LDADD = $(CORE_TEST_LIBS)

tests_parity_pixels_test_SOURCES = \
	tests/parity/cmocka_headers.h \
	tests/parity/fixture.c tests/parity/fixture.h \
	tests/parity/pixels_test.c
tests_parity_pixels_test_CFLAGS = $(PARITY_CFLAGS)
tests_parity_pixels_test_LDADD = $(CORE_TEST_LIBS)
endif
