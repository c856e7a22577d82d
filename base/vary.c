// SPDX-License-Identifier: Apache-2.0
// One working spec goes through all combinations; only the values that differ from the combination
// before are put in anew. As soon as there is a fault no jobs will come of it: from then on only
// those combinations are looked at, by this file and by those who check further, that hold a value
// which was not checked yet. Where "vary" itself is at fault there are no combinations that could
// come of it; then the n-th values of all keys are looked at together.
#include "base/vary.h"

#include "base/json.h"
#include "base/pointer.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct varied {
    const cJSON *values; // the array; its string is the dotted path
    size_t count;
    size_t current;   // index that the working spec holds, or OD_VARY_NONE
    bool inner;       // lies inside another axis: has no part in the combinations
    size_t checked;   // values below this index have been in a checked combination
    od_buffer place;  // pointer into the spec, "/train/seed"
    od_buffer origin; // pointer into the experiment, "/vary/train.seed"
} varied;

typedef struct expansion {
    const cJSON *experiment;
    const od_schema *schema;
    od_faults *faults;
    varied axes[OD_VARY_MAX_KEYS];
    size_t axis_count;
    cJSON *spec;   // the working copy
    bool left_out; // keys of "vary" that cannot be put in are no axes
    bool diagonal; // not all combinations, but the n-th values together
    bool alone;    // one axis for itself: only what its values cause is told
} expansion;

// --- axes ---------------------------------------------------------------------------------

static od_status split_path(od_buffer *pointer, const char *path) {
    for (;;) {
        size_t length = strcspn(path, ".");
        char *name = strndup(path, length);
        od_status status = name != NULL ? od_pointer_push(pointer, name) : OD_E_NO_MEMORY;
        free(name);
        if (status != OD_OK || path[length] == '\0') {
            return status;
        }
        path += length + 1;
    }
}

static od_status add_axis(expansion *work, const cJSON *values) {
    varied *axis = &work->axes[work->axis_count++];
    axis->values = values;
    axis->count = (size_t)cJSON_GetArraySize(values);
    axis->current = OD_VARY_NONE;
    OD_TRY(od_buffer_append_text(&axis->origin, "/vary"));
    OD_TRY(od_pointer_push(&axis->origin, values->string));
    return split_path(&axis->place, values->string);
}

static od_status init_axes(expansion *work) {
    const cJSON *vary = cJSON_GetObjectItemCaseSensitive(work->experiment, "vary");
    const cJSON *values;
    if (!cJSON_IsObject(vary)) {
        work->left_out = true;
        return OD_OK;
    }
    cJSON_ArrayForEach(values, vary) {
        bool usable = cJSON_IsArray(values) && values->child != NULL;
        if (usable && work->axis_count < OD_VARY_MAX_KEYS) {
            OD_TRY(add_axis(work, values));
        } else {
            work->left_out = true;
        }
    }
    return OD_OK;
}

static void drop_axis(expansion *work, size_t index) {
    od_buffer_fini(&work->axes[index].origin);
    od_buffer_fini(&work->axes[index].place);
    work->axes[index] = work->axes[--work->axis_count]; // no job comes of it: the order is free
    work->left_out = true;
}

// The part of pointer behind prefix ("" or "/..."), or NULL when it does not lie there.
static const char *behind(const char *pointer, const char *prefix) {
    size_t length = strlen(prefix);
    bool inside = strncmp(pointer, prefix, length) == 0 &&
                  (pointer[length] == '\0' || pointer[length] == '/');
    return inside ? pointer + length : NULL;
}

static od_status refuse_overlaps(expansion *work) {
    for (size_t i = 0; i < work->axis_count; i++) {
        for (size_t k = 0; k < work->axis_count; k++) {
            varied *inner = &work->axes[i];
            const varied *outer = &work->axes[k];
            if (i != k && behind(inner->place.data, outer->place.data) != NULL) {
                inner->inner = true;
                OD_TRY(od_faults_add(work->faults, inner->origin.data,
                                     "lies inside \"%s\", which is varied too",
                                     outer->values->string));
            }
        }
    }
    return OD_OK;
}

// A spec without values on the way gets objects there; anything else on the way is a fault, and
// *possible false.
static od_status make_parents(expansion *work, const varied *axis, bool *possible) {
    *possible = true;
    assert(axis->values != NULL); // add_axis
    const char *path = axis->values->string;
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        char *parent = strndup(path, (size_t)(dot - path));
        if (parent == NULL) {
            return OD_E_NO_MEMORY;
        }
        cJSON *present = od_json_at(work->spec, parent);
        od_status status = OD_OK;
        if (present == NULL) {
            status = od_json_set(work->spec, parent, cJSON_CreateObject());
        } else if (!cJSON_IsObject(present)) {
            *possible = false;
            status = od_faults_add(work->faults, axis->origin.data,
                                   "\"%s\" is no object in the base; leave it out there", parent);
            dot = path + strlen(path) - 1; // there is nothing below it
        }
        free(parent);
        OD_TRY(status);
    }
    return OD_OK;
}

static od_status make_all_parents(expansion *work) {
    for (size_t i = work->axis_count; i-- > 0;) {
        bool possible = true;
        if (!work->axes[i].inner) {
            OD_TRY(make_parents(work, &work->axes[i], &possible));
        }
        if (!possible) {
            drop_axis(work, i);
        }
    }
    return OD_OK;
}

// --- faults -------------------------------------------------------------------------------

// A fault of the value that axis put in, or of a place on the way to it. *known tells.
static od_status blame_axis(expansion *work, const varied *axis, const od_fault *fault,
                            bool *known) {
    od_buffer pointer = {0};
    od_buffer detail = {0};
    const char *rest = behind(fault->pointer, axis->place.data);
    bool no_such_place = strncmp(fault->detail, "unknown key", strlen("unknown key")) == 0 &&
                         (rest == NULL || *rest == '\0');
    od_status status = od_buffer_append_text(&pointer, axis->origin.data);
    if (rest == NULL && (work->alone || behind(axis->place.data, fault->pointer) == NULL)) {
        goto done;
    }
    *known = true;
    if (status == OD_OK && rest != NULL && !no_such_place) {
        status = od_buffer_printf(&pointer, "/%zu%s", axis->current, rest);
    }
    if (status == OD_OK && rest == NULL) {
        status = od_buffer_printf(&detail, "\"%s\": ", fault->pointer + 1);
    }
    status = status == OD_OK ? od_buffer_append_text(&detail, fault->detail) : status;
    status = status == OD_OK ? od_faults_add_once(work->faults, pointer.data, detail.data) : status;
done:
    od_buffer_fini(&detail);
    od_buffer_fini(&pointer);
    return status;
}

static od_status blame_base(expansion *work, const od_fault *fault) {
    od_buffer pointer = {0};
    od_status status = od_buffer_printf(&pointer, "/base%s", fault->pointer);
    status =
        status == OD_OK ? od_faults_add_once(work->faults, pointer.data, fault->detail) : status;
    od_buffer_fini(&pointer);
    return status;
}

// Whether a key of "vary" that is no axis would have changed what pointer points to.
static od_status touches_left_out(const expansion *work, const char *pointer, bool *out) {
    const cJSON *vary = cJSON_GetObjectItemCaseSensitive(work->experiment, "vary");
    const cJSON *values = cJSON_IsObject(vary) ? vary->child : NULL;
    *out = false;
    for (; values != NULL; values = values->next) {
        od_buffer place = {0};
        bool axis = false;
        for (size_t i = 0; i < work->axis_count; i++) {
            axis = axis || work->axes[i].values == values;
        }
        od_status status = axis ? OD_OK : split_path(&place, values->string);
        if (status == OD_OK && !axis) {
            *out =
                *out || behind(pointer, place.data) != NULL || behind(place.data, pointer) != NULL;
        }
        od_buffer_fini(&place);
        OD_TRY(status);
    }
    return OD_OK;
}

static od_status translate(expansion *work, const od_fault *fault) {
    bool known = work->alone;
    bool whole = fault->pointer[0] == '\0'; // no value alone causes it
    for (size_t i = 0; i < work->axis_count && !whole; i++) {
        if (work->axes[i].current != OD_VARY_NONE) {
            OD_TRY(blame_axis(work, &work->axes[i], fault, &known));
        }
    }
    if (!known && work->left_out) {
        OD_TRY(touches_left_out(work, fault->pointer, &known));
    }
    return known ? OD_OK : blame_base(work, fault);
}

static od_status check_spec(expansion *work, bool *valid) {
    od_faults found = {0};
    od_status status = od_schema_validate(work->schema, work->spec, &found);
    *valid = found.count == 0;
    for (size_t i = 0; status == OD_OK && i < found.count; i++) {
        status = translate(work, &found.items[i]);
    }
    od_faults_fini(&found);
    return status;
}

// --- combinations -------------------------------------------------------------------------

// The first axis changes fastest.
static od_vary_choice choose(const expansion *work, size_t position) {
    od_vary_choice choice = {{0}};
    for (size_t i = 0; i < work->axis_count; i++) {
        const varied *axis = &work->axes[i];
        if (axis->inner) {
            choice.index[i] = OD_VARY_NONE;
        } else if (work->diagonal) {
            choice.index[i] = position < axis->count ? position : axis->count - 1;
        } else {
            choice.index[i] = position % axis->count;
            position /= axis->count;
        }
    }
    return choice;
}

static bool has_unchecked_value(const expansion *work, const od_vary_choice *choice) {
    for (size_t i = 0; i < work->axis_count; i++) {
        if (!work->axes[i].inner && choice->index[i] >= work->axes[i].checked) {
            return true;
        }
    }
    return false;
}

static od_status put_values(expansion *work, const od_vary_choice *choice) {
    for (size_t i = 0; i < work->axis_count; i++) {
        varied *axis = &work->axes[i];
        size_t index = choice->index[i];
        if (axis->inner) {
            continue;
        }
        if (index != axis->current) {
            const cJSON *value = cJSON_GetArrayItem(axis->values, (int)index);
            OD_TRY(od_json_set(work->spec, axis->values->string, cJSON_Duplicate(value, true)));
            axis->current = index;
        }
        axis->checked = index >= axis->checked ? index + 1 : axis->checked;
    }
    return OD_OK;
}

static cJSON *make_variant(const expansion *work) {
    cJSON *variant = cJSON_CreateObject();
    for (size_t i = 0; variant != NULL && i < work->axis_count; i++) {
        const varied *axis = &work->axes[i];
        if (axis->inner) {
            continue;
        }
        cJSON *value = cJSON_Duplicate(cJSON_GetArrayItem(axis->values, (int)axis->current), true);
        if (value == NULL || !cJSON_AddItemToObject(variant, axis->values->string, value)) {
            cJSON_Delete(value);
            cJSON_Delete(variant);
            return NULL;
        }
    }
    return variant;
}

static od_status add_job(expansion *work, const od_vary_choice *choice, bool valid, od_vary *out) {
    od_vary_job job = {cJSON_Duplicate(work->spec, true), make_variant(work), *choice};
    od_status status = job.spec != NULL && job.variant != NULL ? OD_OK : OD_E_NO_MEMORY;
    if (status == OD_OK && valid) {
        status = od_schema_fill_defaults(work->schema, job.spec);
    }
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(work->experiment, "name");
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(job.spec, "name");
    if (status == OD_OK && valid && cJSON_IsString(name) && own->valuestring[0] == '\0') {
        status = od_json_set(job.spec, "name", cJSON_Duplicate(name, true));
    }
    if (status != OD_OK) {
        cJSON_Delete(job.variant);
        cJSON_Delete(job.spec);
        return status;
    }
    out->items[out->count++] = job;
    return OD_OK;
}

// How many combinations there are; too many are a fault, and as good as one more than allowed.
static od_status count_jobs(expansion *work, size_t *out) {
    *out = 1;
    for (size_t i = 0; i < work->axis_count; i++) {
        *out *= work->axes[i].inner ? 1 : work->axes[i].count;
        if (*out > OD_VARY_MAX_JOBS) {
            *out = OD_VARY_MAX_JOBS + 1;
            return od_faults_add(work->faults, "/vary", "makes more than %d combinations",
                                 OD_VARY_MAX_JOBS);
        }
    }
    return OD_OK;
}

static size_t longest_axis(const expansion *work) {
    size_t longest = 1;
    for (size_t i = 0; i < work->axis_count; i++) {
        const varied *axis = &work->axes[i];
        longest = !axis->inner && axis->count > longest ? axis->count : longest;
    }
    return longest < OD_VARY_MAX_JOBS ? longest : OD_VARY_MAX_JOBS;
}

static cJSON *copy_base(const expansion *work) {
    return cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(work->experiment, "base"), true);
}

static od_status prepare(expansion *work, size_t *count) {
    OD_TRY(init_axes(work));
    work->spec = copy_base(work);
    if (work->spec == NULL) {
        return OD_E_NO_MEMORY;
    }
    OD_TRY(refuse_overlaps(work));
    OD_TRY(make_all_parents(work));
    OD_TRY(count_jobs(work, count));
    work->diagonal = work->left_out || work->faults->count > 0;
    *count = work->diagonal ? longest_axis(work) : *count;
    return OD_OK;
}

// out NULL: the spec is checked, and no job made of it.
static od_status visit(expansion *work, size_t position, od_vary *out) {
    od_vary_choice choice = choose(work, position);
    if (work->faults->count > 0 && position > 0 && !has_unchecked_value(work, &choice)) {
        return OD_OK;
    }
    bool valid = false;
    OD_TRY(put_values(work, &choice));
    OD_TRY(check_spec(work, &valid));
    return out != NULL ? add_job(work, &choice, valid, out) : OD_OK;
}

static od_status visit_all(expansion *work, size_t count, od_vary *out) {
    od_status status = OD_OK;
    for (size_t i = 0; status == OD_OK && i < count && !od_faults_full(work->faults); i++) {
        status = visit(work, i, out);
    }
    return status;
}

// An axis inside another one is in no combination, but its values can be looked at.
static od_status check_alone(const expansion *work, const varied *inner) {
    expansion alone = {.experiment = work->experiment,
                       .schema = work->schema,
                       .faults = work->faults,
                       .axes = {*inner},
                       .axis_count = 1,
                       .diagonal = true,
                       .alone = true};
    bool possible = true;
    alone.axes[0].inner = false;
    alone.spec = copy_base(work);
    od_status status =
        alone.spec != NULL ? make_parents(&alone, &alone.axes[0], &possible) : OD_E_NO_MEMORY;
    if (status == OD_OK && possible) {
        status = visit_all(&alone, longest_axis(&alone), NULL);
    }
    cJSON_Delete(alone.spec);
    return status;
}

static od_status expand(expansion *work, od_vary *out) {
    size_t count = 0;
    OD_TRY(prepare(work, &count));
    out->items = calloc(count, sizeof *out->items);
    if (out->items == NULL) {
        return OD_E_NO_MEMORY;
    }
    OD_TRY(visit_all(work, count, work->left_out ? NULL : out));
    for (size_t i = 0; i < work->axis_count; i++) {
        if (work->axes[i].inner) {
            OD_TRY(check_alone(work, &work->axes[i]));
        }
    }
    return OD_OK;
}

static void fini(expansion *work) {
    cJSON_Delete(work->spec);
    for (size_t i = 0; i < work->axis_count; i++) {
        od_buffer_fini(&work->axes[i].origin);
        od_buffer_fini(&work->axes[i].place);
    }
}

od_status od_vary_expand(const cJSON *experiment, const od_schema *job_schema, od_vary *out,
                         od_faults *faults) {
    od_faults found = {0};
    expansion work = {.experiment = experiment, .schema = job_schema, .faults = &found};
    *out = (od_vary){0};
    if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(experiment, "base"))) {
        return OD_OK;
    }
    od_status status = expand(&work, out);
    if (status != OD_OK) {
        od_vary_fini(out);
    }
    for (size_t i = 0; status == OD_OK && i < found.count; i++) {
        status = od_faults_add(faults, found.items[i].pointer, "%s", found.items[i].detail);
    }
    od_faults_fini(&found);
    fini(&work);
    return status;
}

od_status od_vary_blame(const cJSON *experiment, const od_vary_choice *choice,
                        const od_fault *fault, od_faults *faults) {
    expansion work = {.experiment = experiment, .faults = faults};
    od_status status = init_axes(&work);
    for (size_t i = 0; status == OD_OK && i < work.axis_count; i++) {
        work.axes[i].current = choice->index[i];
    }
    status = status == OD_OK ? translate(&work, fault) : status;
    fini(&work);
    return status;
}

void od_vary_fini(od_vary *vary) {
    for (size_t i = 0; i < vary->count; i++) {
        cJSON_Delete(vary->items[i].spec);
        cJSON_Delete(vary->items[i].variant);
    }
    free(vary->items);
    *vary = (od_vary){0};
}
