// SPDX-License-Identifier: Apache-2.0
#include "worker/training.h"

#include "base/clock.h"
#include "base/json.h"
#include "core/io/safetensors.h"
#include "worker/events.h"
#include "worker/signals.h"

#include <stdio.h>

static const int64_t PROGRESS_NS = 250000000; // at most four a second

typedef struct run_course {
    od_training *training;
    const od_rundir *rundir;
    const od_spec *spec;
    const od_trainer_plan *plan;
    int64_t saved_step;  // of the last checkpoint
    int64_t begin_ns;    // of this attempt's first step
    int64_t progress_ns; // when the last progress was told
    int64_t step_ns;     // spent in steps
    int64_t samples;     // trained in this attempt
} run_course;

static bool is_due(int64_t count, int64_t every) {
    return every > 0 && count % every == 0;
}

// --- progress -----------------------------------------------------------------------------

static od_status tell_progress(run_course *course, od_error *error) {
    int64_t now = od_clock_monotonic_ns();
    int64_t step = od_trainer_step_count(course->training->trainer);
    int64_t done = step - course->training->start_step;
    od_progress progress = {
        .step = step,
        .steps = course->plan->steps,
        .epoch = (step > 0 ? step - 1 : 0) / course->plan->steps_per_epoch,
        .samples_per_sec = -1,
        .eta_s = -1,
    };
    if (done > 0) {
        // With validation and checkpoints, in the share they had so far.
        double per_step = (double)(now - course->begin_ns) / 1e9 / (double)done;
        progress.eta_s = per_step * (double)(course->plan->steps - step);
        progress.samples_per_sec = (double)course->samples * 1e9 / (double)course->step_ns;
    } else if (step == course->plan->steps) {
        progress.eta_s = 0;
    }
    course->progress_ns = now;
    return od_events_progress(course->rundir, &progress, error);
}

// --- behind a step ------------------------------------------------------------------------

// An epoch names each image that was left out; once an attempt is enough.
static od_status tell_skipped(run_course *course, const char *where, int64_t epoch, int64_t skipped,
                              const char *reason, od_error *error) {
    char message[OD_ERROR_TEXT_BYTES];
    if (skipped == 0 || epoch != course->training->start_step / course->plan->steps_per_epoch) {
        return OD_OK;
    }
    snprintf(message, sizeof message, "left out %lld image%s in %s: %s", (long long)skipped,
             skipped == 1 ? "" : "s", where, reason);
    return od_events_log(course->rundir, OD_LOG_WARNING, message, error);
}

static od_status tell_data(run_course *course, const od_step_result *step, od_error *error) {
    const od_loader_report report = od_trainer_data_report(course->training->trainer);
    od_log(OD_LOG_INFO, "epoch", "epoch=%lld samples=%lld digest=%016llx skipped=%lld",
           (long long)report.epoch, (long long)report.samples, (unsigned long long)report.digest,
           (long long)report.skipped);
    return od_events_data(course->rundir, step->step, &report, error);
}

static od_status log_point(run_course *course, const od_step_result *step, od_error *error) {
    cJSON *values = od_meter_take(&course->training->meter, step);
    if (step->has_stats) {
        int count;
        const od_connection_stats *stats =
            od_trainer_stats_borrow(course->training->trainer, &count);
        od_meter_add_stats(values, stats, count);
    }
    return od_events_metrics(course->rundir, step->step, step->epoch, values, error);
}

// Goes on after a failure that another checkpoint may be spared.
static od_status tell_unsaved(const run_course *course, const char *what, const od_error *why,
                              od_error *error) {
    char message[OD_ERROR_TEXT_BYTES + 128];
    char last[64] = "there is no checkpoint yet";
    if (course->saved_step > 0) {
        snprintf(last, sizeof last, "the last checkpoint is that of step %lld",
                 (long long)course->saved_step);
    }
    snprintf(message, sizeof message, "%s of step %lld could not be saved (%s); %s", what,
             (long long)od_trainer_step_count(course->training->trainer), why->text, last);
    return od_events_log(course->rundir, OD_LOG_WARNING, message, error);
}

static od_status keep_best(run_course *course, int64_t epoch, double accuracy, od_error *error) {
    od_training *training = course->training;
    od_error why = {0};
    od_status status = od_best_offer(&training->checkpoint, training->trainer, epoch, accuracy,
                                     &training->best, &why);
    return status == OD_OK ? OD_OK : tell_unsaved(course, "the best model", &why, error);
}

static od_status validate(run_course *course, const od_step_result *step, od_error *error) {
    od_eval_result result;
    OD_TRY(od_trainer_evaluate(course->training->trainer, &result, error));
    const struct {
        const char *name;
        double value;
    } series[] = {
        {"val/loss", result.loss}, {"val/acc@1", result.acc1}, {"val/acc@5", result.acc5}};
    OD_TRY(
        tell_skipped(course, "validation", step->epoch, result.skipped, result.skip_reason, error));
    cJSON *values = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        cJSON_AddItemToObject(values, series[i].name, od_json_number(series[i].value));
    }
    od_log(OD_LOG_INFO, "validation", "step=%lld loss=%.4f acc@1=%.4f", (long long)step->step,
           result.loss, result.acc1);
    OD_TRY(od_events_metrics(course->rundir, step->step, step->epoch, values, error));
    return keep_best(course, step->epoch, result.acc1, error);
}

static od_status save(run_course *course, int64_t epoch, od_error *error) {
    int64_t step = od_trainer_step_count(course->training->trainer);
    if (step == course->saved_step) {
        return OD_OK;
    }
    OD_TRY(od_checkpoint_save(&course->training->checkpoint, course->training->trainer,
                              &course->training->meter, epoch,
                              course->training->best.step == step ? OD_BEST_NAME : NULL, error));
    course->saved_step = step;
    od_log(OD_LOG_INFO, "checkpoint", "step=%lld", (long long)step);
    return OD_OK;
}

static od_status save_on_the_way(run_course *course, int64_t epoch, od_error *error) {
    od_error why = {0};
    return save(course, epoch, &why) == OD_OK ? OD_OK
                                              : tell_unsaved(course, "the checkpoint", &why, error);
}

static od_status follow_up(run_course *course, const od_step_result *step, bool logged,
                           od_error *error) {
    const od_spec *spec = course->spec;
    int64_t epochs = step->epoch_ended ? step->epoch + 1 : 0;
    bool last = step->step == course->plan->steps;
    OD_TRY(tell_skipped(course, "training", step->epoch, step->skipped, step->skip_reason, error));
    if (logged) {
        OD_TRY(log_point(course, step, error));
    }
    if (last || step->epoch_ended) {
        OD_TRY(tell_data(course, step, error));
    }
    if (last || is_due(step->step, spec->eval_every_steps) ||
        (epochs > 0 && is_due(epochs, spec->eval_every_epochs))) {
        OD_TRY(validate(course, step, error));
    }
    if (last || is_due(step->step, spec->checkpoint_every_steps) ||
        (epochs > 0 && is_due(epochs, spec->checkpoint_every_epochs))) {
        return last ? save(course, step->epoch, error)
                    : save_on_the_way(course, step->epoch, error);
    }
    return OD_OK;
}

static od_status make_step(run_course *course, int64_t *epoch, od_error *error) {
    od_training *training = course->training;
    int64_t next = od_trainer_step_count(training->trainer) + 1;
    bool logged = next % course->spec->log_interval == 0 || next == course->plan->steps;
    od_step_result step;
    int64_t begin_ns = od_clock_monotonic_ns();
    OD_TRY(od_trainer_step(training->trainer, logged && course->spec->log_residual_stats, logged,
                           &step, error));
    int64_t took_ns = od_clock_monotonic_ns() - begin_ns;
    course->step_ns += took_ns;
    course->samples += step.samples;
    *epoch = step.epoch;
    od_meter_add(&training->meter, &step, took_ns);
    OD_TRY(follow_up(course, &step, logged, error));
    if (od_clock_monotonic_ns() - course->progress_ns >= PROGRESS_NS) {
        OD_TRY(tell_progress(course, error));
    }
    return OD_OK;
}

// --- the end ------------------------------------------------------------------------------

// {"format": "pt"}: what the transformers library asks of a file with PyTorch's tensors.
static od_status write_model(const run_course *course, od_error *error) {
    static const od_metadata metadata[] = {{"format", "pt"}};
    char path[OD_RUNDIR_PATH_BYTES];
    od_tensor_list list = {0};
    OD_TRY(od_rundir_path(course->rundir, "model.safetensors", path, error));
    OD_TRY(od_trainer_model(course->training->trainer, &list, error));
    od_status status = od_safetensors_write(path, list.tensors, list.count, metadata, 1, error);
    od_trainer_tensors_fini(&list);
    return status;
}

od_status od_training_run(od_training *training, const char **stopped_by, od_error *error) {
    run_course course = {
        .training = training,
        .rundir = training->checkpoint.rundir,
        .spec = &training->job->spec,
        .plan = od_trainer_plan_borrow(training->trainer),
        .saved_step = training->start_step,
        .begin_ns = od_clock_monotonic_ns(),
    };
    int64_t epoch = 0;
    *stopped_by = NULL;
    OD_TRY(tell_progress(&course, error));
    while (od_trainer_step_count(training->trainer) < course.plan->steps) {
        *stopped_by = od_signals_stop_wanted();
        if (*stopped_by != NULL) {
            OD_TRY(save(&course, epoch, error));
            return tell_progress(&course, error);
        }
        OD_TRY(make_step(&course, &epoch, error));
    }
    OD_TRY(write_model(&course, error));
    return tell_progress(&course, error);
}
