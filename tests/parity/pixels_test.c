// SPDX-License-Identifier: Apache-2.0
// Every operation of core/data/pixel against torchvision's on Pillow images: the same pixels, all
// of them. Then whole pipelines with the same draws, down to the normalised values.
#include "core/data/pixel/pixel.h"
#include "core/data/randaugment.h"
#include "core/data/transform.h"
#include "tests/parity/cmocka_headers.h"
#include "tests/parity/fixture.h"

#include "base/datasets.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBERS = 5, SIDE = 16 };
static const uint64_t SEED = ((uint64_t)1 << 40) + 11;
static const int64_t EPOCH = 3;

static cJSON *golden;
static od_buffer pixels;
static od_safetensors values;
static od_pixel_resizer *resizer;

static int open_golden(void **state) {
    (void)state;
    od_error error = {0};
    golden = fixture_json("pixels.json");
    fixture_ok(od_file_read(PARITY_DATA "/pixels.bin", 1 << 20, &pixels, &error), &error);
    fixture_safetensors("pipelines.safetensors", &values);
    fixture_ok(od_pixel_resizer_new(&resizer, &error), &error);
    return 0;
}

static int close_golden(void **state) {
    (void)state;
    cJSON_Delete(golden);
    od_buffer_fini(&pixels);
    od_safetensors_fini(&values);
    od_pixel_resizer_free(resizer);
    return 0;
}

// A view of the golden pixels.
static od_image view_of(const cJSON *entry) {
    assert_non_null(entry);
    od_image image = {.width = (int64_t)fixture_number(entry, "width"),
                      .height = (int64_t)fixture_number(entry, "height"),
                      .channels = (int64_t)fixture_number(entry, "channels")};
    const size_t offset = (size_t)fixture_number(entry, "offset");
    assert_true(offset + od_image_bytes(&image) <= pixels.size);
    image.pixels = (uint8_t *)pixels.data + offset;
    return image;
}

static od_image image_called(const char *name) {
    return view_of(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(golden, "images"), name));
}

static od_image copy_of(const od_image *image) {
    od_image copy = {0};
    od_error error = {0};
    fixture_ok(od_image_resize(&copy, image->width, image->height, image->channels, &error),
               &error);
    memcpy(copy.pixels, image->pixels, od_image_bytes(image));
    return copy;
}

// --- one case --------------------------------------------------------------------------------

// image starts as a copy of in (in place) or as noise of the size of the result (spare_or_out).
typedef struct pixel_case {
    od_image in;    // golden
    od_image image; // where the result is
    od_image spare; // of image's size
    double numbers[MAX_NUMBERS];
} pixel_case;

static void crop_reflect(pixel_case *c) {
    od_pixel_crop_reflect(&c->image, &c->in, (int64_t)c->numbers[0], (int64_t)c->numbers[1],
                          (int64_t)c->numbers[2]);
}

static void resize(pixel_case *c, const od_pixel_scaling *scaling) {
    od_error error = {0};
    fixture_ok(od_pixel_resize(&c->image, &c->in, scaling, resizer, &error), &error);
}

static void resized_crop(pixel_case *c, od_pixel_filter filter) {
    resize(c, &(od_pixel_scaling){
                  .box = {(int64_t)c->numbers[0], (int64_t)c->numbers[1], (int64_t)c->numbers[2],
                          (int64_t)c->numbers[3]},
                  .width = (int64_t)c->numbers[4],
                  .height = (int64_t)c->numbers[4],
                  .filter = filter,
              });
}

static void resized_crop_bilinear(pixel_case *c) {
    resized_crop(c, OD_PIXEL_BILINEAR);
}

static void resized_crop_bicubic(pixel_case *c) {
    resized_crop(c, OD_PIXEL_BICUBIC);
}

static void flip(pixel_case *c) {
    od_pixel_flip(&c->image);
}

static void rotate(pixel_case *c) {
    od_pixel_rotate(&c->image, &c->spare, (float)c->numbers[0]);
}

static void brightness(pixel_case *c) {
    od_pixel_brightness(&c->image, (float)c->numbers[0]);
}

static void contrast(pixel_case *c) {
    od_pixel_contrast(&c->image, (float)c->numbers[0]);
}

static void colour(pixel_case *c) {
    od_pixel_colour(&c->image, (float)c->numbers[0]);
}

static void sharpness(pixel_case *c) {
    od_pixel_sharpness(&c->image, &c->spare, (float)c->numbers[0]);
}

static void posterize(pixel_case *c) {
    od_pixel_posterize(&c->image, (int)c->numbers[0]);
}

static void solarize(pixel_case *c) {
    od_pixel_solarize(&c->image, (float)c->numbers[0]);
}

static void autocontrast(pixel_case *c) {
    od_pixel_autocontrast(&c->image);
}

static void equalize(pixel_case *c) {
    od_pixel_equalize(&c->image);
}

static void hue(pixel_case *c) {
    od_pixel_hue(&c->image, (float)c->numbers[0]);
}

static void randaugment(pixel_case *c) {
    const od_randaugment_op *op = &od_randaugment_ops[(int)c->numbers[0]];
    const int64_t side = strcmp(op->name, "TranslateY") == 0 ? c->in.height : c->in.width;
    float magnitude = op->magnitude != NULL ? op->magnitude((int)c->numbers[1], side) : 0;
    assert_true(op->has_sign || c->numbers[2] == 1);
    op->apply(&c->image, &c->spare, magnitude * (float)c->numbers[2]);
}

// --- all cases of an operation ---------------------------------------------------------------

typedef struct pixel_op {
    const char *name;
    void (*run)(pixel_case *c);
    int cases; // least
} pixel_op;

static const pixel_op ops[] = {
    {"crop_reflect", crop_reflect, 6},
    {"flip", flip, 4},
    {"rotate", rotate, 6},
    {"resized_crop_bilinear", resized_crop_bilinear, 6},
    {"resized_crop_bicubic", resized_crop_bicubic, 4},
    {"brightness", brightness, 8},
    {"contrast", contrast, 8},
    {"colour", colour, 8},
    {"sharpness", sharpness, 8},
    {"posterize", posterize, 5},
    {"solarize", solarize, 5},
    {"autocontrast", autocontrast, 5},
    {"equalize", equalize, 5},
    {"hue", hue, 6},
    {"randaugment", randaugment, 69},
};
enum { OPS = sizeof ops / sizeof ops[0] };

static bool is_same_size(const od_image *a, const od_image *b) {
    return a->width == b->width && a->height == b->height && a->channels == b->channels;
}

static pixel_case prepare(const cJSON *row, const od_image *want) {
    pixel_case c = {.in = image_called(cJSON_GetObjectItem(row, "in")->valuestring)};
    const cJSON *number;
    int count = 0;
    cJSON_ArrayForEach(number, cJSON_GetObjectItem(row, "numbers")) {
        assert_true(count < MAX_NUMBERS);
        c.numbers[count++] = number->valuedouble;
    }
    c.image = copy_of(is_same_size(&c.in, want) ? &c.in : want);
    c.spare = copy_of(want);
    memset(c.spare.pixels, 0xa5, od_image_bytes(want));
    if (!is_same_size(&c.in, want)) {
        memset(c.image.pixels, 0xa5, od_image_bytes(want));
    }
    return c;
}

static int differences(const od_image *got, const od_image *want, const char *what) {
    int found = 0;
    for (size_t i = 0; i < od_image_bytes(want); i++) {
        found += got->pixels[i] != want->pixels[i];
    }
    if (found > 0) {
        print_error("%s: %d of %zu values differ\n", what, found, od_image_bytes(want));
    }
    return found;
}

static int run_case(const pixel_op *op, const cJSON *row) {
    char *text = cJSON_PrintUnformatted(row);
    const od_image want = view_of(cJSON_GetObjectItem(row, "out"));
    pixel_case c = prepare(row, &want);
    op->run(&c);
    const int found = differences(&c.image, &want, text);
    od_image_fini(&c.image);
    od_image_fini(&c.spare);
    free(text);
    return found;
}

static void same_pixels(void **state) {
    const pixel_op *op = *state;
    const cJSON *row;
    int cases = 0, found = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(golden, "cases")) {
        if (strcmp(cJSON_GetObjectItem(row, "op")->valuestring, op->name) == 0) {
            found += run_case(op, row);
            cases++;
        }
    }
    assert_true(cases >= op->cases);
    assert_int_equal(found, 0);
}

// --- pipelines -------------------------------------------------------------------------------

static od_spec spec_of(const char *dataset, const char *arch, int64_t size) {
    const od_dataset_facts *facts = od_datasets_find(dataset);
    assert_non_null(facts);
    od_spec spec = {
        .model = {.image_size = size, .channels = facts->channels},
        .data = {.augment = true, .randaugment_n = 9, .randaugment_m = 5, .random_erase = 0.5}};
    snprintf(spec.model.arch, sizeof spec.model.arch, "%s", arch);
    snprintf(spec.data.dataset, sizeof spec.data.dataset, "%s", dataset);
    memcpy(spec.data.mean, facts->mean, sizeof spec.data.mean);
    memcpy(spec.data.std, facts->std, sizeof spec.data.std);
    return spec;
}

static void apply(const od_spec *spec, od_split split, const od_image *image, int64_t sample,
                  float *out) {
    od_error error = {0};
    od_transform *transform = NULL;
    od_transform_scratch *scratch = NULL;
    fixture_ok(od_transform_new(spec, split, &transform, &error), &error);
    fixture_ok(od_transform_scratch_new(transform, &scratch, &error), &error);
    fixture_ok(od_transform_apply(transform, scratch, image, SEED, EPOCH, sample, out, &error),
               &error);
    od_transform_scratch_free(scratch);
    od_transform_free(transform);
}

// Tensors are called DATASET/ARCH/IMAGE/SPLIT/SAMPLE, the last a digit.
static double worst_of(const od_named_tensor *want) {
    char dataset[32], arch[16], image[16], split[8];
    const int64_t sample = want->name[strlen(want->name) - 1] - '0';
    float got[SIDE * SIDE * 3];
    assert_int_equal(
        sscanf(want->name, "%31[^/]/%15[^/]/%15[^/]/%7[^/]", dataset, arch, image, split), 4);
    const od_spec spec = spec_of(dataset, arch, want->shape[0]);
    const od_image in = image_called(image);
    apply(&spec, strcmp(split, "train") == 0 ? OD_SPLIT_TRAIN : OD_SPLIT_EVAL, &in, sample, got);
    const int64_t count = want->shape[0] * want->shape[1] * want->shape[2];
    assert_true(count <= SIDE * SIDE * 3);
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)got[i] - (double)((const float *)want->data)[i]));
    }
    return worst;
}

static void same_values_through_pipelines(void **state) {
    (void)state;
    int misses = 0;
    assert_true(values.count >= 50);
    for (size_t i = 0; i < values.count; i++) {
        const double worst = worst_of(&values.tensors[i]);
        if (!(worst <= 1e-6)) {
            print_error("%s: values are up to %g apart\n", values.tensors[i].name, worst);
            misses++;
        }
    }
    assert_int_equal(misses, 0);
}

// Resize and CenterCrop of cases that name a size and a filter: in an evaluation that has both.
static void same_pixels_in_evaluation(void **state) {
    (void)state;
    const cJSON *row;
    int cases = 0, found = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(golden, "cases")) {
        const char *op = cJSON_GetObjectItem(row, "op")->valuestring;
        if (strncmp(op, "resize_center_", 14) != 0) {
            continue;
        }
        const od_image want = view_of(cJSON_GetObjectItem(row, "out"));
        const od_image in = image_called(cJSON_GetObjectItem(row, "in")->valuestring);
        const bool is_bicubic = strcmp(op + 14, "bicubic") == 0;
        od_spec spec = spec_of("imagenet1k", is_bicubic ? "vit" : "resnet18", want.width);
        float *got = calloc(od_image_bytes(&want), sizeof *got);
        assert_non_null(got);
        spec.model.channels = in.channels;
        memset(spec.data.mean, 0, sizeof spec.data.mean);
        for (int c = 0; c < 3; c++) {
            spec.data.std[c] = 1;
        }
        apply(&spec, OD_SPLIT_EVAL, &in, 0, got);
        od_image levels = copy_of(&want);
        for (size_t i = 0; i < od_image_bytes(&want); i++) {
            levels.pixels[i] = (uint8_t)lroundf(got[i] * 255);
        }
        found += differences(&levels, &want, op);
        od_image_fini(&levels);
        free(got);
        cases++;
    }
    assert_int_equal(cases, 5);
    assert_int_equal(found, 0);
}

int main(void) {
    struct CMUnitTest tests[OPS + 2];
    for (size_t i = 0; i < OPS; i++) {
        tests[i] = (struct CMUnitTest){
            .name = ops[i].name, .test_func = same_pixels, .initial_state = (void *)&ops[i]};
    }
    tests[OPS] = (struct CMUnitTest)cmocka_unit_test(same_pixels_in_evaluation);
    tests[OPS + 1] = (struct CMUnitTest)cmocka_unit_test(same_values_through_pipelines);
    return _cmocka_run_group_tests("pixels", tests, OPS + 2, open_golden, close_golden);
}
