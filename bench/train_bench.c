// SPDX-License-Identifier: Apache-2.0
// bench/train_bench [--threads N] [--batch N] [--steps N] [--blas NAME] [--preset N|Ti|S]: samples a
// second of whole training steps (forward, backward, Adam) on random 28 x 28 images, for the linear
// and the orthogonal connection in turns, so that a machine that is busy is busy for both. On such
// a machine the rate by processor time says more than the one by wall time.
#include "core/backend/backend.h"
#include "core/train/trainer.h"

#include "base/clock.h"
#include "core/rng/philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 28, CLASSES = 10, WARMUP = 5, TURNS = 5 };

typedef struct settings {
    int threads, batch, steps;
    const char *blas, *preset;
} settings;

typedef struct preset {
    const char *name;
    int64_t width, depth, heads;
} preset;

static const preset presets[] = {{"N", 64, 6, 4}, {"Ti", 192, 6, 3}, {"S", 384, 6, 6}};

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
        } rows[] = {{"--threads", &out->threads, NULL},
                    {"--batch", &out->batch, NULL},
                    {"--steps", &out->steps, NULL},
                    {"--blas", NULL, &out->blas},
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
    return argc % 2 == 1 && out->threads > 0 && out->batch > 0 && out->steps > 0 ? 0 : -1;
}

static int read_preset(const char *name, od_model_spec *model) {
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(name, presets[i].name) == 0) {
            model->width = presets[i].width;
            model->depth = presets[i].depth;
            model->heads = presets[i].heads;
            return 0;
        }
    }
    return -1;
}

static od_spec make_spec(const settings *s, od_connection connection) {
    od_spec spec = {
        .model =
            {.arch = "vit", .patch_size = 7, .image_size = SIDE, .channels = 1, .classes = CLASSES},
        .residual = {.connection = connection, .eps = 1e-6F},
        .data = {.shuffle = true, .mean = {0.286F}, .std = {0.353F}},
        .train = {.epochs = 1,
                  .batch_size = s->batch,
                  .grad_accumulate_steps = 1,
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

static od_dataset *random_images(int64_t count) {
    od_dataset *data = calloc(1, sizeof *data);
    if (data == NULL) {
        return NULL;
    }
    *data = (od_dataset){.count = count,
                         .height = SIDE,
                         .width = SIDE,
                         .channels = 1,
                         .classes = CLASSES,
                         .pixels = malloc((size_t)(count * SIDE * SIDE)),
                         .labels = malloc((size_t)count * sizeof *data->labels)};
    if (data->pixels == NULL || data->labels == NULL) {
        od_dataset_free(data);
        return NULL;
    }
    od_philox stream;
    od_philox_init(&stream, 1, OD_PURPOSE_AUGMENT, 0, 0);
    for (int64_t i = 0; i < count * SIDE * SIDE; i++) {
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
    od_trainer *trainer;
    times best; // each of the turn that took the least of it
} arm;

static double least(double best, double other) {
    return best > 0 && best < other ? best : other;
}

static int run(arm *arms, size_t count, const settings *s) {
    for (int turn = -1; turn < TURNS; turn++) {
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
    settings s = {.threads = 1, .batch = 128, .steps = 40, .preset = "N"};
    od_spec spec = {0};
    if (read_settings(argc, argv, &s) != 0 || read_preset(s.preset, &spec.model) != 0) {
        fail("usage: train_bench [--threads N] [--batch N] [--steps N] [--blas NAME] [--preset "
             "N|Ti|S]");
        return 2;
    }
    arm arms[] = {{.name = "linear", .connection = OD_CONNECT_LINEAR},
                  {.name = "orthogonal", .connection = OD_CONNECT_ORTHOGONAL}};
    od_dataset *data = random_images((int64_t)s.batch * (WARMUP + TURNS * s.steps));
    int exit_code = data == NULL ? fail("no memory for images") : 0;
    for (size_t a = 0; a < 2 && exit_code == 0; a++) {
        const od_device_options options = {.threads = s.threads, .blas = s.blas};
        od_error error;
        spec = make_spec(&s, arms[a].connection);
        (void)read_preset(s.preset, &spec.model);
        if (od_trainer_new(&spec, &od_backend_cpu, &options, data, data, &arms[a].trainer,
                           &error) != OD_OK) {
            exit_code = fail(error.text);
        }
    }
    if (exit_code == 0 && run(arms, 2, &s) == 0) {
        report(arms, 2, &s);
    }
    for (size_t a = 0; a < 2; a++) {
        od_trainer_free(arms[a].trainer);
    }
    od_dataset_free(data);
    return exit_code;
}
