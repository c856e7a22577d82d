// SPDX-License-Identifier: Apache-2.0
// A block: f = the residual branch of x, each convolution behind batch norm and ReLU; the shortcut is
// x itself, or a 1 x 1 convolution of it where the shape changes; the connection joins both.
//
// Parameters are declared in the order of PyTorch's state_dict: a module's own buffers come before
// those of the modules inside it, and the residual branch before the shortcut. The shortcut's node
// is added behind the branch too, so that in backward it is the first to write the gradient of x.
#include "core/model/resnet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STAGES = 4, STEM_CHANNELS = 64, FIRST_CHANNELS = 64, BOTTLENECK_EXPANSION = 4 };
enum { STAGE_NAME_BYTES = 32 };
static const float BATCH_NORM_EPS = 1e-5F, BATCH_NORM_MOMENTUM = 0.1F; // torch.nn.BatchNorm2d
static const float HEAD_NORM_EPS = 1e-5F;

typedef struct recipe {
    const char *name;
    int blocks[STAGES];
    bool bottleneck;
} recipe;

static const recipe recipes[] = {
    {"resnet18", {2, 2, 2, 2}, false},  {"resnet34", {3, 4, 6, 3}, false},
    {"resnet50", {3, 4, 6, 3}, true},   {"resnet101", {3, 4, 23, 3}, true},
    {"resnet152", {3, 8, 36, 3}, true},
};

typedef struct resnet {
    const od_spec *spec;
    const recipe *recipe;
    od_model *model;
    od_graph *graph;
    int64_t channels; // of the stream so far
    int block;        // number of the next one, through all stages
} resnet;

static const recipe *find(const char *arch) {
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        if (strcmp(recipes[i].name, arch) == 0) {
            return &recipes[i];
        }
    }
    return NULL;
}

int64_t od_resnet_blocks(const char *arch) {
    const recipe *found = find(arch);
    int64_t count = 0;
    for (int stage = 0; found != NULL && stage < STAGES; stage++) {
        count += found->blocks[stage];
    }
    return count;
}

// --- layers: parameters and node ------------------------------------------------------------

static od_init uniform(int64_t fan_in) {
    return (od_init){OD_INIT_UNIFORM, 1 / sqrtf((float)fan_in)};
}

static od_init constant(float value) {
    return (od_init){OD_INIT_CONSTANT, value};
}

static int vector(resnet *r, const char *module, const char *part, int64_t count, od_init init) {
    char name[OD_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", module, part);
    return od_model_add_parameter(r->model, name, 1, &count, (od_shape){1, {count}}, init);
}

// x convolved, with as many zeros around it as keep its sides at stride 1.
static int conv(resnet *r, const char *module, int x, int64_t in, int64_t out, int64_t kernel,
                int64_t stride) {
    char name[OD_TENSOR_NAME_BYTES];
    const od_init init = uniform(in * kernel * kernel);
    const int64_t shape[] = {out, in, kernel, kernel};
    snprintf(name, sizeof name, "%s.weight", module);
    const int weight = od_model_add_parameter(r->model, name, 4, shape,
                                              (od_shape){4, {out, in, kernel, kernel}}, init);
    const int bias = vector(r, module, "bias", out, init);
    return od_graph_add(r->graph, &(od_node_spec){
                                      .op = OD_OP_CONV2D,
                                      .name = module,
                                      .inputs = {x, weight, bias},
                                      .input_count = 3,
                                      .attributes = {.stride = stride, .padding = kernel / 2},
                                  });
}

// Batch norm and ReLU.
static int norm(resnet *r, const char *module, int x, int64_t channels) {
    char name[OD_TENSOR_NAME_BYTES];
    const int gamma = vector(r, module, "weight", channels, constant(1));
    const int beta = vector(r, module, "bias", channels, constant(0));
    snprintf(name, sizeof name, "%s.running_mean", module);
    const int mean = od_model_add_state(r->model, name, channels, 0);
    snprintf(name, sizeof name, "%s.running_var", module);
    const int var = od_model_add_state(r->model, name, channels, 1);
    snprintf(name, sizeof name, "%s.num_batches_tracked", module);
    od_model_add_counter(r->model, name);
    return od_graph_add(
        r->graph,
        &(od_node_spec){
            .op = OD_OP_BATCHNORM,
            .name = module,
            .inputs = {x, gamma, beta, mean, var},
            .input_count = 5,
            .attributes = {.eps = BATCH_NORM_EPS, .momentum = BATCH_NORM_MOMENTUM, .relu = true},
        });
}

static int linear(resnet *r, const char *module, int x, int64_t in, int64_t out) {
    char name[OD_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "%s.weight", module);
    const int weight = od_model_add_parameter(r->model, name, 2, (const int64_t[]){out, in},
                                              (od_shape){2, {out, in}}, uniform(in));
    const int bias = vector(r, module, "bias", out, uniform(in));
    return od_graph_add(r->graph, &(od_node_spec){
                                      .op = OD_OP_LINEAR,
                                      .name = "logits",
                                      .inputs = {x, weight, bias},
                                      .input_count = 3,
                                  });
}

// --- blocks --------------------------------------------------------------------------------

// The learnable value of the pattern: a scalar, or the weight of a 1x1 convolution of the stream that
// starts as the identity; -1 without a pattern.
static int pattern_parameter(resnet *r, const char *module, int64_t channels) {
    static const char *const scalars[] = {
        [OD_PATTERN_REZERO] = "conv_alpha",
        [OD_PATTERN_REZERO_CONSTRAINED] = "conv_theta",
        [OD_PATTERN_RESCALE] = "conv_rescale_alpha",
    };
    const od_pattern pattern = r->spec->residual.pattern;
    char name[OD_TENSOR_NAME_BYTES];
    if (pattern == OD_PATTERN_DEFAULT) {
        return -1;
    }
    if (pattern != OD_PATTERN_RESCALE_CONV) {
        snprintf(name, sizeof name, "%s._pattern_params", module);
        return vector(r, name, scalars[pattern], 1, constant(0));
    }
    snprintf(name, sizeof name, "%s._pattern_modules.conv_rescale_proj.weight", module);
    return od_model_add_parameter(r->model, name, 4, (const int64_t[]){channels, channels, 1, 1},
                                  (od_shape){2, {channels, channels}},
                                  (od_init){OD_INIT_IDENTITY, 1});
}

static int perturb(resnet *r, int f) {
    if (r->spec->residual.perturbation <= 0) {
        return f;
    }
    return od_graph_add(
        r->graph, &(od_node_spec){
                      .op = OD_OP_NOISE,
                      .name = "perturbed",
                      .inputs = {f},
                      .input_count = 1,
                      .attributes = {.noise = r->spec->residual.perturbation, .layer = r->block},
                  });
}

static int connect(resnet *r, int x, int f, int learnable) {
    const od_residual_spec *residual = &r->spec->residual;
    const bool linear_here =
        residual->connection == OD_CONNECT_ORTHOGONAL && !residual->orthogonal_block[r->block];
    const bool convolves = residual->pattern == OD_PATTERN_RESCALE_CONV;
    const int perturbed = perturb(r, f);
    return od_graph_add(
        r->graph,
        &(od_node_spec){
            .op = convolves ? OD_OP_CONNECT_CONV1X1 : OD_OP_CONNECT,
            .name = "conv",
            .inputs = {x, convolves ? learnable : perturbed, convolves ? perturbed : learnable},
            .input_count = residual->pattern == OD_PATTERN_DEFAULT ? 2 : 3,
            .attributes = {.connection = linear_here ? OD_CONNECT_LINEAR : residual->connection,
                           .pattern = residual->pattern,
                           .global = residual->global,
                           .eps = residual->eps},
            .tag = "conv",
        });
}

// One convolution of a residual branch.
typedef struct layer {
    int64_t out, kernel, stride;
} layer;

static int branch(resnet *r, const char *module, int x, const layer *layers, int count) {
    int64_t in = r->channels;
    for (int i = 0; i < count; i++) {
        char name[OD_TENSOR_NAME_BYTES];
        snprintf(name, sizeof name, "%s.residual.%d", module,
                 3 * i); // batch norm, ReLU, convolution
        x = norm(r, name, x, in);
        snprintf(name, sizeof name, "%s.residual.%d", module, 3 * i + 2);
        x = conv(r, name, x, in, layers[i].out, layers[i].kernel, layers[i].stride);
        in = layers[i].out;
    }
    return x;
}

static int block(resnet *r, const char *module, int x, int64_t width, int64_t stride) {
    char name[OD_TENSOR_NAME_BYTES];
    const bool bottleneck = r->recipe->bottleneck;
    const int64_t out = bottleneck ? BOTTLENECK_EXPANSION * width : width;
    const layer basic[] = {{width, 3, stride}, {width, 3, 1}};
    const layer narrow[] = {{width, 1, stride}, {width, 3, 1}, {out, 1, 1}};
    od_graph_set_block(r->graph, r->block);
    snprintf(name, sizeof name, "%s.residual_eps", module);
    od_model_add_buffer(r->model, name, 0, r->spec->residual.eps);
    const int learnable = pattern_parameter(r, module, out);
    const int f = branch(r, module, x, bottleneck ? narrow : basic, bottleneck ? 3 : 2);
    if (stride != 1 || r->channels != out) {
        snprintf(name, sizeof name, "%s.shortcut", module);
        x = conv(r, name, x, r->channels, out, 1, stride);
    }
    r->channels = out;
    x = connect(r, x, f, learnable);
    r->block++;
    return x;
}

static int stages(resnet *r, int x) {
    for (int stage = 0; stage < STAGES; stage++) {
        for (int i = 0; i < r->recipe->blocks[stage]; i++) {
            char name[STAGE_NAME_BYTES];
            snprintf(name, sizeof name, "stage%d.%d", stage + 1, i);
            x = block(r, name, x, FIRST_CHANNELS << stage, stage > 0 && i == 0 ? 2 : 1);
        }
    }
    od_graph_set_block(r->graph, -1);
    return x;
}

// --- network -------------------------------------------------------------------------------

static int stem(resnet *r, int images) {
    const int x = conv(r, "pre.0", images, r->spec->model.channels, STEM_CHANNELS, 3, 1);
    r->channels = STEM_CHANNELS;
    return norm(r, "pre.1", x, STEM_CHANNELS);
}

static int head(resnet *r, int x) {
    const int64_t classes = r->spec->model.classes;
    const int pooled = od_graph_add(
        r->graph,
        &(od_node_spec){.op = OD_OP_AVGPOOL, .name = "pool", .inputs = {x}, .input_count = 1});
    r->model->features = pooled;
    if (!r->spec->model.layernorm_head) {
        return linear(r, "linear", pooled, r->channels, classes);
    }
    const int gamma = vector(r, "linear.0", "weight", r->channels, constant(1));
    const int beta = vector(r, "linear.0", "bias", r->channels, constant(0));
    const int normed = od_graph_add(r->graph, &(od_node_spec){
                                                  .op = OD_OP_LAYERNORM,
                                                  .name = "head_norm",
                                                  .inputs = {pooled, gamma, beta},
                                                  .input_count = 3,
                                                  .attributes.eps = HEAD_NORM_EPS,
                                              });
    return linear(r, "linear.1", normed, r->channels, classes);
}

static void network(resnet *r) {
    const od_model_spec *spec = &r->spec->model;
    od_model *model = r->model;
    model->images =
        od_graph_input(r->graph, "images", OD_VALUE_F32,
                       (od_shape){3, {spec->image_size, spec->image_size, spec->channels}});
    model->logits = head(r, stages(r, stem(r, model->images)));
    od_model_add_loss(model, r->spec);
}

od_status od_resnet_build(const od_spec *spec, od_model *model, od_error *error) {
    resnet r = {
        .spec = spec, .recipe = find(spec->model.arch), .model = model, .graph = model->graph};
    if (r.recipe == NULL) {
        return od_error_set(error, OD_E_UNSUPPORTED, "there is no \"%s\"", spec->model.arch);
    }
    if (spec->model.image_size < 1) {
        return od_error_set(error, OD_E_INVALID,
                            "the images have %lld pixels a side; give 1 or more",
                            (long long)spec->model.image_size);
    }
    network(&r);
    return OD_OK;
}
