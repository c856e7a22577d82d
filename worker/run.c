// SPDX-License-Identifier: Apache-2.0
// ortho-worker run: checks everything that can be checked before the first file is written, then
// opens the run directory, puts the run together and lets it go. From the moment the directory is
// ours every way out leaves an `end` event.
#include "worker/command.h"

#include "base/json.h"
#include "worker/events.h"
#include "worker/signals.h"
#include "worker/training.h"

#include <stdio.h>
#include <string.h>

typedef struct run_options {
    const char *spec_path, *dir, *backend, *blas; // blas NULL: the best there is
    long attempt, threads, lock_fd;               // 0, the default, -1
} run_options;

typedef struct worker_run {
    run_options options;
    const od_backend *backend;
    od_job job;
    od_rundir rundir;
    od_dataset *train, *eval;
    od_trainer *trainer;
} worker_run;

// --- command line -------------------------------------------------------------------------

static void print_help(void) {
    printf(
        "Usage: ortho-worker run SPEC.json --dir DIR [OPTION]...\n\n"
        "Trains the job into DIR, which is created when it is missing, or goes on from the newest "
        "checkpoint in it.\nSPEC.json may be - for standard input, or a recipe (.yaml, .yml).\n\n"
        "  --dir DIR         the run directory\n"
        "  --attempt N       number of this attempt (default: one more than the last)\n"
        "  --threads N       where resources.threads is null (default: half of the cores)\n"
        "  --lock-fd N       descriptor of DIR/lock, locked by who started this\n"
        "  --backend NAME    cpu (default) or ref\n"
        "  --blas NAME       onednn or openblas (default: the best that was built "
        "in)\n" OD_COMMAND_ROOT_HELP);
}

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"dir", required_argument, NULL, 'd'},
    {"attempt", required_argument, NULL, 'a'},
    {"threads", required_argument, NULL, 't'},
    {"lock-fd", required_argument, NULL, 'l'},
    {"backend", required_argument, NULL, 'b'},
    {"blas", required_argument, NULL, 'B'},
    OD_COMMAND_ROOT_OPTIONS,
    {NULL, 0, NULL, 0},
};

static int take_option(int option, run_options *out) {
    switch (option) {
    case 'd':
        out->dir = optarg;
        return 0;
    case 'b':
        out->backend = optarg;
        return 0;
    case 'B':
        out->blas = optarg;
        return 0;
    case 'C':
    case 'D':
        return od_command_take_root(option, optarg);
    case 'a':
        return od_command_number("attempt", optarg, 1, 1000000000, &out->attempt);
    case 't':
        return od_command_number("threads", optarg, 1, 1024, &out->threads);
    case 'l':
        return od_command_number("lock-fd", optarg, 0, 1000000, &out->lock_fd);
    default:
        return -1;
    }
}

// 0, or an exit status + 1 when there is nothing more to do.
static int parse_options(int argc, char **argv, run_options *out) {
    *out = (run_options){.backend = "cpu", .threads = od_job_default_threads(), .lock_fd = -1};
    for (int option; (option = od_command_option(argc, argv, long_options)) != -1;) {
        if (option == 'h') {
            print_help();
            return 1 + OD_EXIT_OK;
        }
        if (take_option(option, out) != 0) {
            return 1 + OD_EXIT_USAGE;
        }
    }
    if (argc - optind != 1 || out->dir == NULL || *out->dir == '\0') {
        return 1 + od_command_fail(OD_EXIT_USAGE, "run: give one SPEC.json and --dir DIR; see "
                                                  "ortho-worker run --help");
    }
    if (out->blas != NULL && strcmp(out->blas, "onednn") != 0 &&
        strcmp(out->blas, "openblas") != 0) {
        return 1 + od_command_fail(OD_EXIT_USAGE, "--blas is \"%s\"; give onednn or openblas",
                                   out->blas);
    }
    out->spec_path = argv[optind];
    return 0;
}

// --- before the first file ----------------------------------------------------------------

static int find_backend(worker_run *run) {
    od_error error = {0};
    od_status status = od_backend_load(run->options.backend, &run->backend, &error);
    if (status == OD_OK) {
        return OD_EXIT_OK;
    }
    return od_command_fail(status == OD_E_INVALID ? OD_EXIT_USAGE : OD_EXIT_FAILED, "%s",
                           error.text);
}

// A directory that was made for this run learns why nothing comes of it; no other is created.
static void tell_faults(worker_run *run, const od_faults *faults) {
    char reason[OD_ERROR_TEXT_BYTES];
    od_error ignored;
    const od_fault *first = &faults->items[0];
    od_command_show_faults(run->options.spec_path, faults);
    if (!od_rundir_exists(run->options.dir) ||
        od_rundir_open(&run->rundir, run->options.dir, (int)run->options.lock_fd,
                       run->options.attempt, &ignored) != OD_OK) {
        return;
    }
    int used = snprintf(reason, sizeof reason, "%s%s%s", first->pointer,
                        *first->pointer != '\0' ? " " : "", first->detail);
    if (faults->count > 1 && used < (int)sizeof reason) {
        snprintf(reason + used, sizeof reason - (size_t)used, " (and %zu more)", faults->count - 1);
    }
    if (od_events_end(&run->rundir, 0, "failed", reason, &ignored) != OD_OK) {
        od_command_fail(0, "%s", ignored.text);
    }
}

// What a run starts from matters to it until it has a checkpoint.
static od_status check_job(worker_run *run, od_faults *faults, od_error *error) {
    OD_TRY(
        od_job_load(&run->job, run->options.spec_path, (int)run->options.threads, faults, error));
    if (faults->count > 0 || od_rundir_has_checkpoint(run->options.dir)) {
        return OD_OK;
    }
    od_status status = od_job_check_start(&run->job, faults);
    return status == OD_OK ? OD_OK : od_error_set(error, status, "no memory to check init_from");
}

static int read_job(worker_run *run) {
    od_error error = {0};
    od_faults faults = {0};
    if (check_job(run, &faults, &error) != OD_OK) {
        od_faults_fini(&faults);
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    int exit_status = OD_EXIT_OK;
    if (faults.count > 0) {
        tell_faults(run, &faults);
        exit_status = OD_EXIT_FAILED;
    }
    od_faults_fini(&faults);
    return exit_status;
}

static int open_rundir(worker_run *run) {
    od_error error = {0};
    if (od_rundir_open(&run->rundir, run->options.dir, (int)run->options.lock_fd,
                       run->options.attempt, &error) != OD_OK ||
        od_rundir_keep_spec(&run->rundir, run->job.json, &error) != OD_OK) {
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    return OD_EXIT_OK;
}

// --- the run ------------------------------------------------------------------------------

static od_status set_up(worker_run *run, od_error *error) {
    const od_spec *spec = &run->job.spec;
    const od_device_options options = {.threads = spec->threads, .blas = run->options.blas};
    OD_TRY(od_dataset_open(&spec->data, OD_SPLIT_TRAIN, &run->train, error));
    OD_TRY(od_dataset_open(&spec->data, OD_SPLIT_EVAL, &run->eval, error));
    return od_trainer_new(spec, run->backend, &options, run->train, run->eval, &run->trainer,
                          error);
}

// A start that cannot be read is no matter where a checkpoint takes its place.
static od_status load_checkpoint(worker_run *run, od_training *training, od_error *error) {
    const char *path = run->job.spec.init_from;
    od_error why = {0};
    od_status start = *path != '\0' ? od_trainer_start_from(run->trainer, path, &why) : OD_OK;
    OD_TRY(od_checkpoint_load(&training->checkpoint, run->trainer, &training->meter,
                              &training->start_step, error));
    if (start != OD_OK && training->start_step == 0) {
        return od_error_set(error, start, "init_from: %s", why.text);
    }
    return od_best_load(&training->checkpoint, &training->best, error);
}

// Under a queue the limit is the queue's: it counts all attempts, and knows of those before.
static void keep_time_limit(const worker_run *run) {
    const cJSON *limit = od_json_at(run->job.json, "resources.time_limit_s");
    if (run->options.lock_fd < 0 && cJSON_IsNumber(limit)) {
        od_signals_stop_after((unsigned)limit->valuedouble);
    }
}

static od_status train(worker_run *run, const char **stopped_by, od_error *error) {
    od_training training = {
        .job = &run->job,
        .trainer = run->trainer,
        .checkpoint = {.rundir = &run->rundir,
                       .spec = run->job.json,
                       .backend = run->backend->name,
                       .threads = run->job.spec.threads,
                       .keep = run->job.spec.checkpoint_keep},
    };
    OD_TRY(load_checkpoint(run, &training, error));
    const od_start_facts facts = {training.start_step, run->backend->name,
                                  od_trainer_blas_borrow(run->trainer)};
    od_log(OD_LOG_INFO, "training", "step=%lld steps=%lld parameters=%lld threads=%d backend=%s",
           (long long)training.start_step, (long long)run->job.plan.steps,
           (long long)run->job.plan.parameters, run->job.spec.threads, run->backend->name);
    OD_TRY(od_events_start(&run->rundir, &run->job, &facts, error));
    return od_training_run(&training, stopped_by, error);
}

static int64_t steps_done(const worker_run *run) {
    return run->trainer != NULL ? od_trainer_step_count(run->trainer) : 0;
}

static int end_failed(const worker_run *run, const od_error *error) {
    od_error another;
    if (od_events_end(&run->rundir, steps_done(run), "failed", error->text, &another) != OD_OK) {
        od_command_fail(0, "%s", another.text);
    }
    return od_command_fail(OD_EXIT_FAILED, "%s", error->text);
}

static int run_all(worker_run *run) {
    od_error error = {0};
    const char *stopped_by = NULL;
    if (set_up(run, &error) != OD_OK || train(run, &stopped_by, &error) != OD_OK) {
        return end_failed(run, &error);
    }
    od_log(OD_LOG_INFO, stopped_by != NULL ? "stopped" : "succeeded", "step=%lld",
           (long long)steps_done(run));
    if (od_events_end(&run->rundir, steps_done(run), stopped_by != NULL ? "stopped" : "succeeded",
                      stopped_by, &error) != OD_OK) {
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    return stopped_by != NULL ? OD_EXIT_STOPPED : OD_EXIT_OK;
}

static void tear_down(worker_run *run) {
    od_trainer_free(run->trainer);
    od_dataset_free(run->eval);
    od_dataset_free(run->train);
    od_rundir_close(&run->rundir);
    od_job_fini(&run->job);
}

int od_worker_run(int argc, char **argv) {
    worker_run run = {.rundir = {.lock_fd = -1, .events_fd = -1}};
    int done = parse_options(argc, argv, &run.options);
    if (done != 0) {
        return done - 1;
    }
    od_signals_install();
    int exit_status = find_backend(&run);
    if (exit_status == OD_EXIT_OK) {
        exit_status = read_job(&run);
    }
    if (exit_status == OD_EXIT_OK) {
        keep_time_limit(&run);
    }
    if (exit_status == OD_EXIT_OK) {
        exit_status = open_rundir(&run);
    }
    if (exit_status == OD_EXIT_OK) {
        exit_status = run_all(&run);
    }
    tear_down(&run);
    return exit_status;
}
