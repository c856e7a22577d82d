// SPDX-License-Identifier: Apache-2.0
// Images a second of processor time through the training transforms, decoded images in memory.
// bench/torchvision_augment.py measures the same recipes in torchvision.
//   augment_bench [SECONDS]     a recipe; 2 by default
#include "base/datasets.h"
#include "core/data/transform.h"
#include "core/rng/philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IMAGES = 16 };

static const struct {
    const char *dataset, *arch;
    int64_t width, height;
} recipes[] = {
    {"cifar10", "vit", 32, 32},       {"cifar10", "resnet18", 32, 32},
    {"tiny-imagenet", "vit", 64, 64}, {"tiny-imagenet", "resnet18", 64, 64},
    {"imagenet1k", "vit", 500, 375},  {"imagenet1k", "resnet18", 500, 375},
    {"fashion-mnist", "vit", 28, 28},
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static od_spec spec_of(const char *dataset, const char *arch) {
    const od_dataset_facts *facts = od_datasets_find(dataset);
    od_spec spec = {
        .model = {.image_size = facts->image_size, .channels = facts->channels},
        .data = {.augment = true, .randaugment_n = 9, .randaugment_m = 5, .random_erase = 0.25}};
    snprintf(spec.model.arch, sizeof spec.model.arch, "%s", arch);
    snprintf(spec.data.dataset, sizeof spec.data.dataset, "%s", dataset);
    memcpy(spec.data.mean, facts->mean, sizeof spec.data.mean);
    memcpy(spec.data.std, facts->std, sizeof spec.data.std);
    return spec;
}

// Gradients with a little noise, as photographs have them.
static od_status fill(od_image *image, int64_t width, int64_t height, int64_t channels,
                      uint64_t number, od_error *error) {
    od_philox stream;
    OD_TRY(od_image_resize(image, width, height, channels, error));
    od_philox_init(&stream, 1, OD_PURPOSE_AUGMENT, 0, number);
    for (int64_t i = 0; i < width * height * channels; i++) {
        const int64_t y = i / (width * channels), x = i / channels % width, c = i % channels;
        const int64_t light = 40 + c * 30 + 150 * (c % 2 == 1 ? x : y) / height;
        image->pixels[i] = (uint8_t)(light % 230 + od_philox_below(&stream, 20));
    }
    return OD_OK;
}

static od_status measure(int index, double seconds, double *rate, od_error *error) {
    const od_spec spec = spec_of(recipes[index].dataset, recipes[index].arch);
    static od_image images[IMAGES];
    od_transform *transform = NULL;
    od_transform_scratch *scratch = NULL;
    for (int i = 0; i < IMAGES; i++) {
        OD_TRY(fill(&images[i], recipes[index].width, recipes[index].height, spec.model.channels,
                    (uint64_t)i, error));
    }
    OD_TRY(od_transform_new(&spec, OD_SPLIT_TRAIN, &transform, error));
    OD_TRY(od_transform_scratch_new(transform, &scratch, error));
    float *out = malloc((size_t)od_transform_values(transform) * sizeof *out);
    const double begin = now();
    int64_t count = 0;
    od_status status = out != NULL ? OD_OK : OD_E_NO_MEMORY;
    for (; status == OD_OK && now() - begin < seconds; count++) {
        status = od_transform_apply(transform, scratch, &images[count % IMAGES], 1, 0, count, out,
                                    error);
    }
    *rate = (double)count / (now() - begin);
    free(out);
    od_transform_scratch_free(scratch);
    od_transform_free(transform);
    return status;
}

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    for (int i = 0; i < (int)(sizeof recipes / sizeof recipes[0]); i++) {
        od_error error = {0};
        double rate = 0;
        if (measure(i, seconds, &rate, &error) != OD_OK) {
            fprintf(stderr, "augment_bench: %s\n", error.text);
            return 1;
        }
        printf("%-14s %-9s %8.0f images/s\n", recipes[i].dataset, recipes[i].arch, rate);
    }
    return 0;
}
