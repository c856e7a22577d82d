// SPDX-License-Identifier: Apache-2.0
#include "core/model/hf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const od_hf_position_name = "vit.embeddings.position_embeddings";

typedef struct name_pair {
    const char *reference;
    const char *parts[OD_HF_MAX_PARTS]; // of equal size, along the first axis
} name_pair;

static const name_pair outside[] = {
    {"cls_token", {"vit.embeddings.cls_token"}},
    {"pos_embed", {"vit.embeddings.position_embeddings"}},
    {"patchify.weight", {"vit.embeddings.patch_embeddings.projection.weight"}},
    {"patchify.bias", {"vit.embeddings.patch_embeddings.projection.bias"}},
    {"classifier.0.weight", {"vit.layernorm.weight"}},
    {"classifier.0.bias", {"vit.layernorm.bias"}},
    {"classifier.1.weight", {"classifier.weight"}},
    {"classifier.1.bias", {"classifier.bias"}},
};

// Behind "blocks.N." and "vit.encoder.layer.N.".
static const name_pair inside[] = {
    {"residual_eps", {NULL}},
    {"attn.qkv.weight",
     {"attention.attention.query.weight", "attention.attention.key.weight",
      "attention.attention.value.weight"}},
    {"attn.qkv.bias",
     {"attention.attention.query.bias", "attention.attention.key.bias",
      "attention.attention.value.bias"}},
    {"attn.proj.weight", {"attention.output.dense.weight"}},
    {"attn.proj.bias", {"attention.output.dense.bias"}},
    {"mlp.fc1.weight", {"intermediate.dense.weight"}},
    {"mlp.fc1.bias", {"intermediate.dense.bias"}},
    {"mlp.fc2.weight", {"output.dense.weight"}},
    {"mlp.fc2.bias", {"output.dense.bias"}},
};

static const name_pair *find(const name_pair *pairs, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].reference, name) == 0) {
            return &pairs[i];
        }
    }
    return NULL;
}

// The name behind "blocks.N.", and the other layout's prefix for that; NULL outside of blocks.
static const char *block_name(const char *name, char prefix[OD_TENSOR_NAME_BYTES]) {
    static const char before[] = "blocks.";
    char *end = NULL;
    if (strncmp(name, before, sizeof before - 1) != 0) {
        return NULL;
    }
    const long block = strtol(name + sizeof before - 1, &end, 10);
    if (end == name + sizeof before - 1 || *end != '.') {
        return NULL;
    }
    snprintf(prefix, OD_TENSOR_NAME_BYTES, "vit.encoder.layer.%ld.", block);
    return end + 1;
}

static bool is_position(const od_named_tensor *part) {
    return strcmp(part->name, od_hf_position_name) == 0;
}

int od_hf_parts(const od_named_tensor *reference, od_named_tensor parts[OD_HF_MAX_PARTS]) {
    char prefix[OD_TENSOR_NAME_BYTES] = "";
    int count = 0;
    const char *name = block_name(reference->name, prefix);
    const name_pair *pair = name != NULL
                                ? find(inside, sizeof inside / sizeof *inside, name)
                                : find(outside, sizeof outside / sizeof *outside, reference->name);
    if (pair == NULL) {
        return -1;
    }
    for (; count < OD_HF_MAX_PARTS && pair->parts[count] != NULL; count++) {
        od_named_tensor *part = &parts[count];
        *part = *reference;
        part->data = NULL;
        snprintf(part->name, sizeof part->name, "%s%s", prefix, pair->parts[count]);
    }
    for (int i = 0; i < count; i++) {
        parts[i].shape[0] /= count;
        parts[i].shape[1] += is_position(&parts[i]) ? 1 : 0;
    }
    return count;
}

bool od_hf_names(const od_named_tensor *tensors, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strncmp(tensors[i].name, "vit.", 4) == 0) {
            return true;
        }
    }
    return false;
}

void od_hf_join(const od_named_tensor *parts, int count, const float *class_position,
                const od_named_tensor *out) {
    float *to = out->data;
    if (count == 1 && is_position(parts)) {
        memcpy(to, (const float *)parts->data + parts->shape[2], (size_t)od_tensor_bytes(out));
        return;
    }
    for (int i = 0; i < count; i++) {
        memcpy(to, parts[i].data, (size_t)od_tensor_bytes(&parts[i]));
        to += od_tensor_count(&parts[i]);
    }
    if (strcmp(out->name, "cls_token") == 0) {
        float *token = out->data;
        for (int64_t i = 0; i < od_tensor_count(out); i++) {
            token[i] += class_position[i];
        }
    }
}

void od_hf_split(const od_named_tensor *reference, const od_named_tensor *parts, int count) {
    const float *from = reference->data;
    if (count == 1 && is_position(parts)) {
        float *to = parts->data;
        const size_t width = (size_t)parts->shape[2];
        memset(to, 0, width * sizeof *to);
        memcpy(to + width, from, (size_t)od_tensor_bytes(reference));
        return;
    }
    for (int i = 0; i < count; i++) {
        memcpy(parts[i].data, from, (size_t)od_tensor_bytes(&parts[i]));
        from += od_tensor_count(&parts[i]);
    }
}
