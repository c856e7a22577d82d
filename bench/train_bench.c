// SPDX-License-Identifier: Apache-2.0
// bench/train_bench [--threads N] [--batch N] [--steps N] [--turns N] [--blas NAME]
// [--preset N|Ti|S|resnet18|...] [--image 28|32]: samples a second of whole training steps
// (forward, backward, Adam) of a ViT or a ResNet on random images (28: one channel, patches of 7;
// 32: three channels, patches of 4), for the linear connection, the orthogonal one and the orthogonal
// one in bfloat16 in turns, so that a machine that is busy is busy for all. On such a machine the
// rate by processor time says more than the one by wall time.
#include "core/backend/backend.h"
#include "core/train/trainer.h"

#include "base/clock.h"
#include "core/rng/philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLASSES = 10, WARMUP = 2 };

typedef struct settings {
    int threads, batch, steps, turns, image;
    const char *blas, *preset;
} settings;

typedef struct preset {
    const char *name, *arch;
    int64_t width, depth, heads; // of a ResNet depth alone: residual blocks
} preset;

static const preset presets[] = {{"N", "vit", 64, 6, 4},
                                 {"Ti", "vit", 192, 6, 3},
                                 {"S", "vit", 384, 6, 6},
                                 {"resnet18", "resnet18", 0, 8, 0},
                                 {"resnet34", "resnet34", 0, 16, 0},
                                 {"resnet50", "resnet50", 0, 16, 0}};

static int fail(const char *text) {
    fprintf(stderr, "bench/train_bench: %s\n", text);
    return 1;
}

static int read_settings(int argc, char **argv, settings *out) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        const struct {
            const char *name;
            int *number;
            const char **text;
        } rows[] = {{"--threads", &out->threads, NULL}, {"--batch", &out->batch, NULL},
                    {"--steps", &out->steps, NULL},     {"--turns", &out->turns, NULL},
                    {"--image", &out->image, NULL},     {"--blas", NULL, &out->blas},
                    {"--preset", NULL, &out->preset}};
        size_t row = 0;
        while (row < sizeof rows / sizeof *rows && strcmp(argv[i], rows[row].name) != 0) {
            row++;
        }
        if (row == sizeof rows / sizeof *rows) {
            return -1;
        }
        if (rows[row].number != NULL) {
            *rows[row].number = (int)strtol(value, NULL, 10);
        } else {
            *rows[row].text = value;
        }
    }
    return argc % 2 == 1 && out->threads > 0 && out->batch > 0 && out->steps > 0 &&
                   out->turns > 0 && (out->image == 28 || out->image == 32)
               ? 0
               : -1;
}

static int read_preset(const char *name, od_model_spec *model) {
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(name, presets[i].name) == 0) {
            snprintf(model->arch, sizeof model->arch, "%s", presets[i].arch);
            model->width = presets[i].width;
            model->depth = presets[i].depth;
            model->heads = presets[i].heads;
            return 0;
        }
    }
    return -1;
}

static int64_t channels_of(const settings *s) {
    return s->image == 28 ? 1 : 3;
}

static od_spec make_spec(const settings *s, od_connection connection, od_precision precision) {
    od_spec spec = {
        .model = {.patch_size = s->image == 28 ? 7 : 4,
                  .image_size = s->image,
                  .channels = channels_of(s),
                  .classes = CLASSES},
        .residual = {.connection = connection, .eps = 1e-6F},
        .data = {.shuffle = true,
                 .mean = {0.286F, 0.286F, 0.286F},
                 .std = {0.353F, 0.353F, 0.353F}},
        .train = {.epochs = 1,
                  .batch_size = s->batch,
                  .grad_accumulate_steps = 1,
                  .precision = precision,
                  .optimizer = {.type = OD_OPTIMIZER_ADAM,
                                .lr = 1e-3,
                                .weight_decay = 1e-4,
                                .beta1 = 0.9,
                                .beta2 = 0.999},
                  .schedule = {.type = OD_SCHEDULE_CONST, .min_lr = -1}},
        .threads = s->threads,
    };
    memset(spec.residual.orthogonal_block, 1, sizeof spec.residual.orthogonal_block);
    return spec;
}

static od_dataset *random_images(const settings *s, int64_t count) {
    const int64_t values = count * s->image * s->image * channels_of(s);
    od_dataset *data = calloc(1, sizeof *data);
    if (data == NULL) {
        return NULL;
    }
    *data = (od_dataset){.count = count,
                         .height = s->image,
                         .width = s->image,
                         .channels = channels_of(s),
                         .classes = CLASSES,
                         .pixels = malloc((size_t)values),
                         .labels = malloc((size_t)count * sizeof *data->labels)};
    if (data->pixels == NULL || data->labels == NULL) {
        od_dataset_free(data);
        return NULL;
    }
    od_philox stream;
    od_philox_init(&stream, 1, OD_PURPOSE_AUGMENT, 0, 0);
    for (int64_t i = 0; i < values; i++) {
        data->pixels[i] = (uint8_t)od_philox_next(&stream);
    }
    for (int64_t i = 0; i < count; i++) {
        data->labels[i] = (int32_t)od_philox_below(&stream, CLASSES);
    }
    return data;
}

typedef struct times {
    double wall, processor; // seconds; processor: of all threads
} times;

static times now(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (times){(double)od_clock_monotonic_ns() / 1e9,
                   (double)used.tv_sec + (double)used.tv_nsec / 1e9};
}

static int time_steps(od_trainer *trainer, int steps, times *out) {
    const times start = now();
    for (int i = 0; i < steps; i++) {
        od_step_result result;
        od_error error;
        if (od_trainer_step(trainer, false, false, &result, &error) != OD_OK) {
            return fail(error.text);
        }
    }
    const times end = now();
    *out = (times){end.wall - start.wall, end.processor - start.processor};
    return 0;
}

typedef struct arm {
    const char *name;
    od_connection connection;
    od_precision precision;
    od_trainer *trainer;
    times best; // each of the turn that took the least of it
} arm;

static double least(double best, double other) {
    return best > 0 && best < other ? best : other;
}

static int run(arm *arms, size_t count, const settings *s) {
    for (int turn = -1; turn < s->turns; turn++) {
        for (size_t a = 0; a < count; a++) {
            times t;
            if (time_steps(arms[a].trainer, turn < 0 ? WARMUP : s->steps, &t) != 0) {
                return -1;
            }
            if (turn >= 0) {
                arms[a].best = (times){least(arms[a].best.wall, t.wall),
                                       least(arms[a].best.processor, t.processor)};
            }
        }
    }
    return 0;
}

static void report(const arm *arms, size_t count, const settings *s) {
    const double samples = s->steps * (double)s->batch;
    for (size_t a = 0; a < count; a++) {
        const od_trainer_plan *plan = od_trainer_plan_borrow(arms[a].trainer);
        printf("%-10s %7.0f samples/s, %7.0f per processor second (%.1f GFLOP in products)  "
               "%.1f MB\n",
               arms[a].name, samples / arms[a].best.wall, samples / arms[a].best.processor,
               samples / arms[a].best.processor * plan->flops_per_sample / 1e9,
               (double)plan->total_bytes / 1e6);
    }
}

int main(int argc, char **argv) {
    settings s = {.threads = 1, .batch = 128, .steps = 40, .turns = 5, .image = 28, .preset = "N"};
    od_spec spec = {0};
    if (read_settings(argc, argv, &s) != 0 || read_preset(s.preset, &spec.model) != 0) {
        fail("usage: train_bench [--threads N] [--batch N] [--steps N] [--turns N] [--blas NAME] "
             "[--preset N|Ti|S|resnet18|resnet34|resnet50] [--image 28|32]");
        return 2;
    }
    arm arms[] = {
        {.name = "linear", .connection = OD_CONNECT_LINEAR},
        {.name = "orthogonal", .connection = OD_CONNECT_ORTHOGONAL},
        {.name = "bf16", .connection = OD_CONNECT_ORTHOGONAL, .precision = OD_PRECISION_BF16},
    };
    enum { ARMS = sizeof arms / sizeof *arms };
    od_dataset *data = random_images(&s, (int64_t)s.batch * (WARMUP + s.turns * s.steps));
    int exit_code = data == NULL ? fail("no memory for images") : 0;
    for (size_t a = 0; a < ARMS && exit_code == 0; a++) {
        const od_device_options options = {.threads = s.threads, .blas = s.blas};
        od_error error;
        spec = make_spec(&s, arms[a].connection, arms[a].precision);
        (void)read_preset(s.preset, &spec.model);
        if (od_trainer_new(&spec, &od_backend_cpu, &options, data, data, &arms[a].trainer,
                           &error) != OD_OK) {
            exit_code = fail(error.text);
        }
    }
    if (exit_code == 0 && run(arms, ARMS, &s) == 0) {
        report(arms, ARMS, &s);
    }
    for (size_t a = 0; a < ARMS; a++) {
        od_trainer_free(arms[a].trainer);
    }
    od_dataset_free(data);
    return exit_code;
}
