// SPDX-License-Identifier: Apache-2.0
// Values stay texts until they are translated: first each goes to its place in the spec as the
// table of options has it, then the rules join what takes more than one option. The table read
// backwards leads from a place in the spec to the option.
#include "base/recipe.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/pointer.h"
#include "base/recipe_private.h"
#include "base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char skeleton[] =
    "{\"model\": {}, \"residual\": {}, \"data\": {\"mixup\": {}, \"randaugment\": {}},"
    " \"train\": {\"optimizer\": {}, \"schedule\": {}}, \"log\": {}, \"checkpoint\": {}}";

bool od_recipe_has_option(const char *key) {
    return od_recipe_find(key) >= 0;
}

bool od_recipe_is_path(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

// --- reading ------------------------------------------------------------------------------

// Copies text, cut between two characters and marked when it does not fit.
static const char *shown(char *out, size_t out_bytes, const char *text) {
    size_t size = strlen(text);
    if (size < out_bytes) {
        memcpy(out, text, size + 1);
        return out;
    }
    size_t keep = out_bytes - sizeof "...";
    while (keep > 0 && ((unsigned char)text[keep] & 0xc0) == 0x80) {
        keep--;
    }
    memcpy(out, text, keep);
    memcpy(out + keep, "...", sizeof "...");
    return out;
}

static od_status set(od_recipe *recipe, int index, const char *text, od_yaml_kind kind, long line) {
    char *copy = text != NULL ? strdup(text) : NULL;
    if (text != NULL && copy == NULL) {
        return OD_E_NO_MEMORY;
    }
    free(recipe->settings[index].text);
    recipe->settings[index] = (od_recipe_setting){copy, kind, line};
    return OD_OK;
}

static const char *nearest_option(const char *key) {
    const char *nearest = NULL;
    size_t least = strlen(key) / 3 + 1;
    for (int i = 0; i < OD_RECIPE_OPTIONS; i++) {
        size_t distance = od_suggest_distance(od_recipe_options[i].key, key);
        if (distance < least) {
            nearest = od_recipe_options[i].key;
            least = distance;
        }
    }
    return nearest;
}

static od_status warn_unknown(od_recipe *recipe, const od_yaml_entry *entry) {
    char key[OD_RECIPE_SHOWN_BYTES];
    char hint[OD_RECIPE_SHOWN_BYTES] = "";
    const char *nearest = nearest_option(entry->key);
    if (nearest != NULL) {
        snprintf(hint, sizeof hint, "; did you mean \"%s\"?", nearest);
    }
    od_buffer pointer = {0};
    od_status status = od_pointer_push(&pointer, shown(key, sizeof key, entry->key));
    if (status == OD_OK) {
        status = od_faults_add(&recipe->warnings, pointer.data,
                               "line %zu: no option has this name; it is left aside%s", entry->line,
                               hint);
    }
    od_buffer_fini(&pointer);
    return status;
}

static od_status take_entry(od_recipe *recipe, const od_yaml_entry *entry) {
    static const char logger[] = "wandb"; // the reference's; its settings mean nothing here
    int index = od_recipe_find(entry->key);
    if (index >= 0) {
        return set(recipe, index, entry->value, entry->kind, (long)entry->line);
    }
    return strncmp(entry->key, logger, sizeof logger - 1) == 0 ? OD_OK
                                                               : warn_unknown(recipe, entry);
}

static od_status fill(od_recipe *recipe, const od_yaml *yaml) {
    for (int i = 0; i < OD_RECIPE_OPTIONS; i++) {
        OD_TRY(set(recipe, i, od_recipe_options[i].start, OD_YAML_PLAIN, OD_RECIPE_LEFT_OUT));
    }
    for (size_t i = 0; i < yaml->count; i++) {
        OD_TRY(take_entry(recipe, &yaml->items[i]));
    }
    return OD_OK;
}

od_status od_recipe_new(const char *text, size_t size, od_recipe **out, od_error *error) {
    od_yaml yaml;
    *out = NULL;
    OD_TRY(od_yaml_parse(text, size, &yaml, error));
    od_recipe *recipe = calloc(1, sizeof *recipe);
    od_status status = recipe != NULL ? fill(recipe, &yaml) : OD_E_NO_MEMORY;
    od_yaml_fini(&yaml);
    if (status != OD_OK) {
        od_recipe_free(recipe);
        return od_error_set(error, status, "no memory for a recipe");
    }
    *out = recipe;
    return OD_OK;
}

void od_recipe_free(od_recipe *recipe) {
    for (int i = 0; recipe != NULL && i < OD_RECIPE_OPTIONS; i++) {
        free(recipe->settings[i].text);
    }
    if (recipe != NULL) {
        od_faults_fini(&recipe->warnings);
    }
    free(recipe);
}

od_status od_recipe_override(od_recipe *recipe, const char *key, const char *text) {
    int index = od_recipe_find(key);
    return index < 0 ? OD_E_NOT_FOUND
                     : set(recipe, index, text, OD_YAML_PLAIN, OD_RECIPE_OVERRIDDEN);
}

const od_faults *od_recipe_warnings(const od_recipe *recipe) {
    return &recipe->warnings;
}

// --- faults -------------------------------------------------------------------------------

// "line 3: ", "parameter: " or "left out: "
static const char *source_of(const od_recipe_setting *setting, char out[OD_RECIPE_SHOWN_BYTES]) {
    if (setting->line > 0) {
        snprintf(out, OD_RECIPE_SHOWN_BYTES, "line %ld: ", setting->line);
    } else {
        snprintf(out, OD_RECIPE_SHOWN_BYTES,
                 "%s: ", setting->line == OD_RECIPE_OVERRIDDEN ? "parameter" : "left out");
    }
    return out;
}

od_status od_recipe_add_fault(const od_recipe *recipe, int index, od_faults *faults,
                              const char *detail) {
    char pointer[OD_RECIPE_SHOWN_BYTES];
    char source[OD_RECIPE_SHOWN_BYTES];
    snprintf(pointer, sizeof pointer, "/%s", od_recipe_options[index].key);
    return od_faults_add(faults, pointer, "%s%s", source_of(&recipe->settings[index], source),
                         detail);
}

static od_status list_words(const od_recipe_word *words, od_buffer *out) {
    OD_TRY(od_buffer_append_text(out, "give one of "));
    for (size_t i = 0; words[i].word != NULL; i++) {
        OD_TRY(od_buffer_printf(out, "%s%s", i > 0 ? ", " : "", words[i].word));
    }
    return OD_OK;
}

static od_status describe(const od_recipe_option *option, const od_recipe_setting *setting,
                          od_buffer *out) {
    static const char *const remedies[] = {
        [OD_OPTION_TEXT] = "give a name",
        [OD_OPTION_NUMBER] = "give a decimal number",
        [OD_OPTION_FLAG] = "give true or false, without quotes",
        [OD_OPTION_SWITCH] = "give true or false, without quotes",
        [OD_OPTION_LIST] = "give numbers with commas between, as 80,120",
    };
    char value[OD_RECIPE_SHOWN_BYTES];
    if (setting->text == NULL) {
        OD_TRY(od_buffer_append_text(out, "is a list or a mapping; "));
    } else if (od_recipe_is_none(setting)) {
        OD_TRY(od_buffer_append_text(out, "is empty; "));
    } else {
        OD_TRY(od_buffer_printf(out, "is \"%s\"; ", shown(value, sizeof value, setting->text)));
    }
    if (option->kind == OD_OPTION_WORDS) {
        return list_words(option->words, out);
    }
    return od_buffer_append_text(out, remedies[option->kind]);
}

static od_status add_misfit(const od_recipe *recipe, int index, od_faults *faults) {
    od_buffer detail = {0};
    od_status status = describe(&od_recipe_options[index], &recipe->settings[index], &detail);
    if (status == OD_OK) {
        status = od_recipe_add_fault(recipe, index, faults, detail.data);
    }
    od_buffer_fini(&detail);
    return status;
}

// --- translating --------------------------------------------------------------------------

static od_status put_option(const od_translation *to, int index) {
    const od_recipe_option *option = &od_recipe_options[index];
    cJSON *value = od_recipe_value(option, &to->recipe->settings[index]);
    if (value == NULL) {
        OD_TRY(add_misfit(to->recipe, index, to->faults));
        value = od_recipe_start(option);
    }
    if (option->target == NULL || option->kind == OD_OPTION_SWITCH) {
        cJSON_Delete(value);
        return OD_OK;
    }
    return value != NULL ? od_json_set(to->spec, option->target, value) : OD_E_NO_MEMORY;
}

static od_status fill_spec(const od_translation *to) {
    for (int i = 0; i < OD_RECIPE_OPTIONS; i++) {
        if (od_recipe_options[i].kind != OD_OPTION_IGNORED) {
            OD_TRY(put_option(to, i));
        }
    }
    return od_recipe_apply_rules(to);
}

od_status od_recipe_translate(od_recipe *recipe, cJSON **out, od_faults *faults) {
    od_translation to = {recipe, cJSON_Parse(skeleton), faults};
    od_status status = to.spec != NULL ? fill_spec(&to) : OD_E_NO_MEMORY;
    if (status != OD_OK) {
        cJSON_Delete(to.spec);
        to.spec = NULL;
    }
    *out = to.spec;
    return status;
}

// --- the way back -------------------------------------------------------------------------

// How well an option's target stands for a place in the spec: the place or one above it best, the
// deeper the better; then one below it. 0: not at all.
static size_t match(const char *target, const char *pointer) {
    size_t i = 0;
    if (target == NULL || *pointer != '/') {
        return 0;
    }
    pointer++;
    while (target[i] != '\0' && (target[i] == '.' ? '/' : target[i]) == pointer[i]) {
        i++;
    }
    if (target[i] == '\0' && (pointer[i] == '\0' || pointer[i] == '/')) {
        return 1 + i;
    }
    return pointer[i] == '\0' && target[i] == '.';
}

static int option_at(const od_recipe *recipe, const char *pointer) {
    int best = -1;
    size_t best_match = 0;
    for (int i = 0; i < OD_RECIPE_OPTIONS; i++) {
        size_t found = match(od_recipe_options[i].target, pointer);
        bool given = recipe->settings[i].line != OD_RECIPE_LEFT_OUT;
        bool tie = found == best_match && best >= 0 && found > 0 && given &&
                   recipe->settings[best].line == OD_RECIPE_LEFT_OUT;
        if (found > best_match || tie) {
            best = i;
            best_match = found;
        }
    }
    return best;
}

od_status od_recipe_locate(const od_recipe *recipe, od_faults *faults, size_t first) {
    for (size_t i = first; i < faults->count; i++) {
        od_fault *fault = &faults->items[i];
        int index = option_at(recipe, fault->pointer);
        if (index < 0) {
            continue;
        }
        od_faults located = {0};
        OD_TRY(od_recipe_add_fault(recipe, index, &located, fault->detail));
        od_fault old = *fault;
        *fault = located.items[0];
        located.items[0] = old;
        od_faults_fini(&located);
    }
    return OD_OK;
}
