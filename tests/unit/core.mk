# SPDX-License-Identifier: Apache-2.0
# tests/unit/core/NAME_test.c mirrors core/**/NAME.c.
if HAVE_CMOCKA
CORE_TEST_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(CJSON_CFLAGS) $(CMOCKA_CFLAGS)
CORE_TEST_LIBS = $(CORE_LIBS) $(CMOCKA_LIBS)
core_tests =
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)

# graphs, models, training
tiny_sources = tests/unit/core/tiny.c tests/unit/core/tiny.h

core_tests += tests/unit/core/fuse_test
tests_unit_core_fuse_test_SOURCES = tests/unit/core/fuse_test.c $(tiny_sources)
tests_unit_core_fuse_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_fuse_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/graph_test
tests_unit_core_graph_test_SOURCES = tests/unit/core/graph_test.c
tests_unit_core_graph_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_graph_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/optimizer_test
tests_unit_core_optimizer_test_SOURCES = tests/unit/core/optimizer_test.c
tests_unit_core_optimizer_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_optimizer_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/plan_test
tests_unit_core_plan_test_SOURCES = tests/unit/core/plan_test.c $(tiny_sources)
tests_unit_core_plan_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_plan_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/recipes_test
tests_unit_core_recipes_test_SOURCES = tests/unit/core/recipes_test.c
tests_unit_core_recipes_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_recipes_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/resnet_test
tests_unit_core_resnet_test_SOURCES = tests/unit/core/resnet_test.c $(tiny_sources)
tests_unit_core_resnet_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_resnet_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/run_test
tests_unit_core_run_test_SOURCES = tests/unit/core/run_test.c $(tiny_sources)
tests_unit_core_run_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_run_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/schedule_test
tests_unit_core_schedule_test_SOURCES = tests/unit/core/schedule_test.c
tests_unit_core_schedule_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_schedule_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/steps_test
tests_unit_core_steps_test_SOURCES = tests/unit/core/steps_test.c $(tiny_sources)
tests_unit_core_steps_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_steps_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/trace_test
tests_unit_core_trace_test_SOURCES = tests/unit/core/trace_test.c $(tiny_sources)
tests_unit_core_trace_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_trace_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/trainer_test
tests_unit_core_trainer_test_SOURCES = tests/unit/core/trainer_test.c $(tiny_sources)
tests_unit_core_trainer_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_trainer_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/trainer_alloc_test
tests_unit_core_trainer_alloc_test_SOURCES = tests/unit/core/trainer_alloc_test.c $(tiny_sources)
tests_unit_core_trainer_alloc_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_trainer_alloc_test_LDADD = $(CORE_TEST_LIBS)
tests_unit_core_trainer_alloc_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc \
	-Wl,--wrap=realloc,--wrap=aligned_alloc,--wrap=posix_memalign

core_tests += tests/unit/core/trainer_state_test
tests_unit_core_trainer_state_test_SOURCES = tests/unit/core/trainer_state_test.c $(tiny_sources)
tests_unit_core_trainer_state_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_trainer_state_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/vit_test
tests_unit_core_vit_test_SOURCES = tests/unit/core/vit_test.c $(tiny_sources)
tests_unit_core_vit_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_vit_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/philox_test
tests_unit_core_philox_test_SOURCES = tests/unit/core/philox_test.c
tests_unit_core_philox_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_philox_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/dataset_test
tests_unit_core_dataset_test_SOURCES = tests/unit/core/dataset_test.c tests/unit/scratch.h
tests_unit_core_dataset_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_dataset_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/idx_test
tests_unit_core_idx_test_SOURCES = tests/unit/core/idx_test.c tests/unit/scratch.h
tests_unit_core_idx_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_idx_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/draw_test
tests_unit_core_draw_test_SOURCES = tests/unit/core/draw_test.c
tests_unit_core_draw_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_draw_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/randaugment_test
tests_unit_core_randaugment_test_SOURCES = tests/unit/core/randaugment_test.c
tests_unit_core_randaugment_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_randaugment_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/transform_test
tests_unit_core_transform_test_SOURCES = tests/unit/core/transform_test.c
tests_unit_core_transform_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_transform_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/mixup_test
tests_unit_core_mixup_test_SOURCES = tests/unit/core/mixup_test.c
tests_unit_core_mixup_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_mixup_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/image_test
tests_unit_core_image_test_SOURCES = tests/unit/core/image_test.c
tests_unit_core_image_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_image_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/loader_test
tests_unit_core_loader_test_SOURCES = tests/unit/core/loader_test.c tests/unit/scratch.h
tests_unit_core_loader_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_loader_test_LDADD = $(CORE_TEST_LIBS)

archive_sources = tests/unit/core/archive.c tests/unit/core/archive.h tests/unit/scratch.h

core_tests += tests/unit/core/tar_test
tests_unit_core_tar_test_SOURCES = tests/unit/core/tar_test.c $(archive_sources)
tests_unit_core_tar_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_tar_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/sound_test
tests_unit_core_sound_test_SOURCES = tests/unit/core/sound_test.c tests/unit/scratch.h
tests_unit_core_sound_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_sound_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/tree_test
tests_unit_core_tree_test_SOURCES = tests/unit/core/tree_test.c $(archive_sources)
tests_unit_core_tree_test_CFLAGS = $(PARITY_CFLAGS)
tests_unit_core_tree_test_LDADD = $(CORE_TEST_LIBS)

# counts the allocations of our own code, and the samples that are filled
core_tests += tests/unit/core/loader_threads_test
tests_unit_core_loader_threads_test_SOURCES = tests/unit/core/loader_threads_test.c \
	tests/unit/scratch.h
tests_unit_core_loader_threads_test_CFLAGS = $(PARITY_CFLAGS)
tests_unit_core_loader_threads_test_LDADD = $(CORE_TEST_LIBS)
tests_unit_core_loader_threads_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=od_filler_fill \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

core_tests += tests/unit/core/safetensors_test
tests_unit_core_safetensors_test_SOURCES = tests/unit/core/safetensors_test.c tests/unit/scratch.h
tests_unit_core_safetensors_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_safetensors_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/source_cifar_test
tests_unit_core_source_cifar_test_SOURCES = tests/unit/core/source_cifar_test.c tests/unit/scratch.h
tests_unit_core_source_cifar_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_source_cifar_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/spec_test
tests_unit_core_spec_test_SOURCES = tests/unit/core/spec_test.c
tests_unit_core_spec_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_spec_test_LDADD = $(CORE_TEST_LIBS)

# kernels; their threads wait asleep, because several tests share the cores
AM_TESTS_ENVIRONMENT += OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY;
kernels_sources = tests/unit/core/kernels.c tests/unit/core/kernels.h

core_tests += tests/unit/core/connect_test
tests_unit_core_connect_test_SOURCES = tests/unit/core/connect_test.c $(kernels_sources)
tests_unit_core_connect_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_connect_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/backend_test
tests_unit_core_backend_test_SOURCES = tests/unit/core/backend_test.c $(kernels_sources)
tests_unit_core_backend_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_backend_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/conv_test
tests_unit_core_conv_test_SOURCES = tests/unit/core/conv_test.c $(kernels_sources)
tests_unit_core_conv_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_conv_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/kernels_test
tests_unit_core_kernels_test_SOURCES = tests/unit/core/kernels_test.c $(kernels_sources)
tests_unit_core_kernels_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_kernels_test_LDADD = $(CORE_TEST_LIBS)

core_tests += tests/unit/core/ref_test
tests_unit_core_ref_test_SOURCES = tests/unit/core/ref_test.c $(kernels_sources)
tests_unit_core_ref_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_unit_core_ref_test_LDADD = $(CORE_TEST_LIBS)
endif
