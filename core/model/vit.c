// SPDX-License-Identifier: Apache-2.0
// Parameters are declared in the order of PyTorch's state_dict, which is not the order of the
// network: a module's own parameters and buffers come before those of the modules inside it.
#include "core/model/vit.h"

#include <math.h>
#include <stdio.h>

enum { MLP_RATIO = 4 };
static const float BLOCK_NORM_EPS = 1e-6F;
static const float HEAD_NORM_EPS = 1e-5F;
static const float POSITION_STD = 0.02F;

typedef struct pair {
    int weight, bias;
} pair;

// The connections of a block, and its nodes that drop: their order numbers their draws.
enum { ATTN, MLP, CONNECTIONS };
enum { DROP_ATTN_PATH, DROP_GELU, DROP_FC2, DROP_MLP_PATH, DROPS };
static const char *const tags[CONNECTIONS] = {[ATTN] = "attn", [MLP] = "mlp"};

typedef struct vit_block {
    int64_t index;
    pair qkv, proj, fc1, fc2;
    int scalars[CONNECTIONS]; // of the pattern; -1: none
} vit_block;

typedef struct vit {
    const od_spec *spec;
    od_model *model;
    od_graph *graph;
    int64_t width, tokens, patch_values; // tokens without the class token
    int cls, pos;
    pair patchify, norm, head;
} vit;

// --- parameters ----------------------------------------------------------------------------

static od_init uniform(int64_t fan_in) {
    return (od_init){OD_INIT_UNIFORM, 1 / sqrtf((float)fan_in)};
}

static od_init constant(float value) {
    return (od_init){OD_INIT_CONSTANT, value};
}

static int vector(vit *v, const char *module, const char *part, int64_t count, od_init init) {
    char name[OD_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", module, part);
    return od_model_add_parameter(v->model, name, 1, &count, (od_shape){1, {count}}, init);
}

static pair linear_parameters(vit *v, const char *module, int64_t in, int64_t out) {
    char name[OD_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "%s.weight", module);
    const int weight = od_model_add_parameter(v->model, name, 2, (const int64_t[]){out, in},
                                              (od_shape){2, {out, in}}, uniform(in));
    return (pair){weight, vector(v, module, "bias", out, uniform(in))};
}

static void embedding_parameters(vit *v) {
    const od_model_spec *spec = &v->spec->model;
    const int64_t width = v->width, p = spec->patch_size;
    v->cls = od_model_add_parameter(v->model, "cls_token", 3, (const int64_t[]){1, 1, width},
                                    (od_shape){1, {width}}, constant(0));
    v->pos = od_model_add_parameter(
        v->model, "pos_embed", 3, (const int64_t[]){1, v->tokens, width},
        (od_shape){2, {v->tokens, width}}, (od_init){OD_INIT_NORMAL, POSITION_STD});
    v->patchify.weight = od_model_add_parameter(
        v->model, "patchify.weight", 4, (const int64_t[]){width, spec->channels, p, p},
        (od_shape){2, {width, v->patch_values}}, uniform(v->patch_values));
    v->patchify.bias = vector(v, "patchify", "bias", width, uniform(v->patch_values));
}

// What the reference calls a pattern's learnable scalar.
static const char *const scalar_names[] = {
    [OD_PATTERN_REZERO] = "alpha",
    [OD_PATTERN_REZERO_CONSTRAINED] = "theta",
    [OD_PATTERN_RESCALE] = "rescale_alpha",
};

static void pattern_parameters(vit *v, vit_block *block) {
    const od_pattern pattern = v->spec->residual.pattern;
    for (int i = 0; i < CONNECTIONS; i++) {
        block->scalars[i] = -1;
        if (pattern != OD_PATTERN_DEFAULT) {
            char module[OD_TENSOR_NAME_BYTES], part[32];
            snprintf(module, sizeof module, "blocks.%d._pattern_params", (int)block->index);
            snprintf(part, sizeof part, "%s_%s", tags[i], scalar_names[pattern]);
            block->scalars[i] = vector(v, module, part, 1, constant(0));
        }
    }
}

static vit_block block_parameters(vit *v, int64_t index) {
    char name[4][OD_TENSOR_NAME_BYTES];
    const char *const parts[] = {"attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"};
    for (int i = 0; i < 4; i++) {
        snprintf(name[i], sizeof name[i], "blocks.%d.%s", (int)index, parts[i]);
    }
    char eps[OD_TENSOR_NAME_BYTES];
    snprintf(eps, sizeof eps, "blocks.%d.residual_eps", (int)index);
    od_model_add_buffer(v->model, eps, 1, v->spec->residual.eps);
    const int64_t width = v->width, hidden = MLP_RATIO * width;
    vit_block block = {.index = index};
    pattern_parameters(v, &block);
    block.qkv = linear_parameters(v, name[0], width, 3 * width);
    block.proj = linear_parameters(v, name[1], width, width);
    block.fc1 = linear_parameters(v, name[2], width, hidden);
    block.fc2 = linear_parameters(v, name[3], hidden, width);
    return block;
}

static void head_parameters(vit *v) {
    v->norm.weight = vector(v, "classifier.0", "weight", v->width, constant(1));
    v->norm.bias = vector(v, "classifier.0", "bias", v->width, constant(0));
    v->head = linear_parameters(v, "classifier.1", v->width, v->spec->model.classes);
}

// --- network -------------------------------------------------------------------------------

static int linear(vit *v, const char *name, int x, pair parameters) {
    return od_graph_add(v->graph, &(od_node_spec){
                                      .op = OD_OP_LINEAR,
                                      .name = name,
                                      .inputs = {x, parameters.weight, parameters.bias},
                                      .input_count = 3,
                                  });
}

static int norm(vit *v, const char *name, int x) {
    return od_graph_add(v->graph, &(od_node_spec){
                                      .op = OD_OP_LAYERNORM,
                                      .name = name,
                                      .inputs = {x},
                                      .input_count = 1,
                                      .attributes.eps = BLOCK_NORM_EPS,
                                  });
}

// x itself where nothing is dropped.
static int drop(vit *v, const vit_block *block, int place, int x) {
    const bool is_path = place == DROP_ATTN_PATH || place == DROP_MLP_PATH;
    const float rate = is_path ? v->spec->model.drop_path : v->spec->model.mlp_dropout;
    if (rate <= 0) {
        return x;
    }
    return od_graph_add(v->graph, &(od_node_spec){
                                      .op = OD_OP_DROP,
                                      .name = "drop",
                                      .inputs = {x},
                                      .input_count = 1,
                                      .attributes = {.rate = rate,
                                                     .whole_samples = is_path,
                                                     .layer = block->index * DROPS + place},
                                  });
}

static int perturb(vit *v, const vit_block *block, int which, int f) {
    if (v->spec->residual.perturbation <= 0) {
        return f;
    }
    return od_graph_add(v->graph, &(od_node_spec){
                                      .op = OD_OP_NOISE,
                                      .name = "perturbed",
                                      .inputs = {f},
                                      .input_count = 1,
                                      .attributes = {.noise = v->spec->residual.perturbation,
                                                     .layer = block->index * CONNECTIONS + which},
                                  });
}

// which: ATTN or MLP. A row is a token's channels; method "global" means the same in a ViT.
static int connect(vit *v, const vit_block *block, int which, int x, int f) {
    const od_residual_spec *residual = &v->spec->residual;
    const bool linear_here =
        residual->connection == OD_CONNECT_ORTHOGONAL && !residual->orthogonal_block[block->index];
    const int perturbed = perturb(v, block, which, f);
    const int scalar = block->scalars[which];
    return od_graph_add(
        v->graph,
        &(od_node_spec){
            .op = OD_OP_CONNECT,
            .name = tags[which],
            .inputs = {x, perturbed, scalar},
            .input_count = residual->pattern == OD_PATTERN_DEFAULT ? 2 : 3,
            .attributes = {.connection = linear_here ? OD_CONNECT_LINEAR : residual->connection,
                           .pattern = residual->pattern,
                           .eps = residual->eps},
            .tag = tags[which],
        });
}

static int embed(vit *v, int images) {
    const int patches = od_graph_add(v->graph, &(od_node_spec){
                                                   .op = OD_OP_PATCHIFY,
                                                   .name = "patches",
                                                   .inputs = {images},
                                                   .input_count = 1,
                                                   .attributes.patch = v->spec->model.patch_size,
                                               });
    const int tokens = linear(v, "patch_embedding", patches, v->patchify);
    return od_graph_add(v->graph, &(od_node_spec){
                                      .op = OD_OP_EMBED_TOKENS,
                                      .name = "stream",
                                      .inputs = {tokens, v->cls, v->pos},
                                      .input_count = 3,
                                  });
}

static int attention(vit *v, const vit_block *block, int x) {
    const int qkv = linear(v, "qkv", norm(v, "norm1", x), block->qkv);
    const int mixed = od_graph_add(v->graph, &(od_node_spec){
                                                 .op = OD_OP_ATTENTION,
                                                 .name = "attention",
                                                 .inputs = {qkv},
                                                 .input_count = 1,
                                                 .attributes.heads = v->spec->model.heads,
                                             });
    return drop(v, block, DROP_ATTN_PATH, linear(v, "proj", mixed, block->proj));
}

static int mlp(vit *v, const vit_block *block, int x) {
    const int hidden = linear(v, "fc1", norm(v, "norm2", x), block->fc1);
    const int active = od_graph_add(v->graph, &(od_node_spec){
                                                  .op = OD_OP_GELU,
                                                  .name = "gelu",
                                                  .inputs = {hidden},
                                                  .input_count = 1,
                                              });
    const int dropped = drop(v, block, DROP_GELU, active);
    const int out = drop(v, block, DROP_FC2, linear(v, "fc2", dropped, block->fc2));
    return drop(v, block, DROP_MLP_PATH, out);
}

static int blocks(vit *v, int x) {
    for (int64_t i = 0; i < v->spec->model.depth; i++) {
        const vit_block block = block_parameters(v, i);
        od_graph_set_block(v->graph, (int)i);
        x = connect(v, &block, ATTN, x, attention(v, &block, x));
        x = connect(v, &block, MLP, x, mlp(v, &block, x));
    }
    od_graph_set_block(v->graph, -1);
    return x;
}

static int head(vit *v, int x) {
    const int token = od_graph_add(v->graph, &(od_node_spec){
                                                 .op = OD_OP_FIRST_TOKEN,
                                                 .name = "class_token",
                                                 .inputs = {x},
                                                 .input_count = 1,
                                             });
    v->model->features = token;
    const int normed = od_graph_add(v->graph, &(od_node_spec){
                                                  .op = OD_OP_LAYERNORM,
                                                  .name = "head_norm",
                                                  .inputs = {token, v->norm.weight, v->norm.bias},
                                                  .input_count = 3,
                                                  .attributes.eps = HEAD_NORM_EPS,
                                              });
    return linear(v, "logits", normed, v->head);
}

static void network(vit *v) {
    const od_model_spec *spec = &v->spec->model;
    od_model *model = v->model;
    model->images =
        od_graph_input(v->graph, "images", OD_VALUE_F32,
                       (od_shape){3, {spec->image_size, spec->image_size, spec->channels}});
    embedding_parameters(v);
    const int stream = blocks(v, embed(v, model->images));
    head_parameters(v);
    model->logits = head(v, stream);
    od_model_add_loss(model, v->spec);
}

static od_status check(const od_model_spec *spec, const od_residual_spec *residual,
                       od_error *error) {
    if (spec->width < 1 || spec->depth < 1 || spec->heads < 1 || spec->patch_size < 1 ||
        spec->depth > OD_SPEC_MAX_BLOCKS) {
        return od_error_set(error, OD_E_INVALID,
                            "width, depth, heads and patch_size are %lld, %lld, %lld, %lld; give 1 "
                            "or more each, and a depth of at most %d",
                            (long long)spec->width, (long long)spec->depth, (long long)spec->heads,
                            (long long)spec->patch_size, OD_SPEC_MAX_BLOCKS);
    }
    if (spec->width % spec->heads != 0) {
        return od_error_set(error, OD_E_INVALID,
                            "heads is %lld and does not divide the width of %lld",
                            (long long)spec->heads, (long long)spec->width);
    }
    if (spec->image_size < 1 || spec->image_size % spec->patch_size != 0) {
        return od_error_set(error, OD_E_INVALID,
                            "patch_size is %lld and does not divide the image's %lld pixels",
                            (long long)spec->patch_size, (long long)spec->image_size);
    }
    if (residual->pattern == OD_PATTERN_RESCALE_CONV) {
        return od_error_set(error, OD_E_INVALID,
                            "rescale_mode is \"conv1x1\", which goes with a resnet only");
    }
    return OD_OK;
}

od_status od_vit_build(const od_spec *spec, od_model *model, od_error *error) {
    OD_TRY(check(&spec->model, &spec->residual, error));
    const int64_t side = spec->model.image_size / spec->model.patch_size;
    vit v = {
        .spec = spec,
        .model = model,
        .graph = model->graph,
        .width = spec->model.width,
        .tokens = side * side,
        .patch_values = spec->model.channels * spec->model.patch_size * spec->model.patch_size,
    };
    network(&v);
    return OD_OK;
}
