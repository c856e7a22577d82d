// SPDX-License-Identifier: Apache-2.0
// What the texts of options stand for. Everything that is not plain enough to be sure of is refused
// rather than guessed at.
#include "base/recipe_private.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool od_recipe_is_none(const od_recipe_setting *setting) {
    static const char *const names[] = {"", "~", "null", "Null", "NULL", "None"};
    for (size_t i = 0; setting->text != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(setting->text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *skip_digits(const char *at) {
    while (isdigit((unsigned char)*at)) {
        at++;
    }
    return at;
}

// A decimal number, and nothing behind it but what end allows. YAML's octal, hexadecimal and
// sexagesimal numbers are refused, as they are not what they look like.
bool od_recipe_read_number(const char *text, const char *end, double *out) {
    const char *whole = text + (*text == '-' || *text == '+');
    const char *at = skip_digits(whole);
    size_t digits = (size_t)(at - whole);
    if (*whole == '0' && digits > 1) {
        return false;
    }
    if (*at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction);
        digits += (size_t)(at - fraction);
    }
    if (digits > 0 && (*at == 'e' || *at == 'E')) {
        const char *power = at + 1;
        power += *power == '-' || *power == '+';
        at = skip_digits(power);
        digits = at > power ? digits : 0;
    }
    *out = strtod(text, NULL);
    return digits > 0 && at == end && isfinite(*out);
}

static cJSON *number_value(const char *text) {
    double value = 0;
    return od_recipe_read_number(text, text + strlen(text), &value) ? cJSON_CreateNumber(value)
                                                                    : NULL;
}

// "0,2, 4"
static cJSON *list_value(const char *text) {
    cJSON *list = cJSON_CreateArray();
    for (const char *at = text; list != NULL; at++) {
        double value = 0;
        at += strspn(at, " ");
        size_t length = strcspn(at, " ,");
        bool good = od_recipe_read_number(at, at + length, &value) &&
                    cJSON_AddItemToArray(list, cJSON_CreateNumber(value));
        at += length + strspn(at + length, " ");
        if (!good || (*at != ',' && *at != '\0')) {
            cJSON_Delete(list);
            return NULL;
        }
        if (*at == '\0') {
            break;
        }
    }
    return list;
}

static cJSON *word_value(const od_recipe_word *words, const char *text) {
    for (; words->word != NULL; words++) {
        if (strcmp(words->word, text) == 0) {
            return cJSON_Parse(words->json);
        }
    }
    return NULL;
}

static const od_recipe_word flag_words[] = {{"true", "true"}, {"false", "false"}, {"yes", "true"},
                                            {"no", "false"},  {"on", "true"},     {"off", "false"},
                                            {"1", "true"},    {"0", "false"},     {NULL, NULL}};

// YAML knows a flag's name in small letters, in capitals and with one capital.
cJSON *od_recipe_flag(const od_recipe_setting *setting) {
    char lower[8];
    size_t size = strlen(setting->text);
    if (od_recipe_is_none(setting)) {
        return cJSON_CreateFalse();
    }
    if (setting->kind != OD_YAML_PLAIN || size >= sizeof lower) {
        return NULL;
    }
    for (size_t i = 0; i <= size; i++) {
        lower[i] = (char)tolower((unsigned char)setting->text[i]);
    }
    return word_value(flag_words, lower);
}

cJSON *od_recipe_value(const od_recipe_option *option, const od_recipe_setting *setting) {
    if (setting->text == NULL) {
        return NULL;
    }
    if (option->kind == OD_OPTION_FLAG || option->kind == OD_OPTION_SWITCH) {
        return od_recipe_flag(setting);
    }
    if (od_recipe_is_none(setting)) {
        return option->nullable ? cJSON_CreateNull() : NULL;
    }
    switch (option->kind) {
    case OD_OPTION_NUMBER:
        return number_value(setting->text);
    case OD_OPTION_LIST:
        return list_value(setting->text);
    case OD_OPTION_WORDS:
        return word_value(option->words, setting->text);
    default:
        return cJSON_CreateString(setting->text);
    }
}

cJSON *od_recipe_start(const od_recipe_option *option) {
    char text[32];
    snprintf(text, sizeof text, "%s", option->start);
    return od_recipe_value(option, &(od_recipe_setting){text, OD_YAML_PLAIN, OD_RECIPE_LEFT_OUT});
}
