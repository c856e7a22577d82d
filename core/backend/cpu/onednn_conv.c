// SPDX-License-Identifier: Apache-2.0
// Convolutions by oneDNN: activations stay channels-last, weights are brought into the layout that
// oneDNN likes best, and back, in each call (the weights are small beside the images). What differs
// between oneDNN 2 and 3 is the first section of this file.
//
// On a device in bfloat16 the activations that a product reads are rounded first, into scratch, and
// its weights on the way into their layout; what it writes is float32.
//
// A product (forward, or the gradient of x or of w) of one shape is made at its first use and kept
// by the device. It runs with the device's threads; its bits depend on their number.
#include "config.h"

#ifdef HAVE_ONEDNN

#include "core/backend/cpu/conv.h"

#include <dnnl.h>
#include <stdlib.h>
#include <string.h>

// --- oneDNN 2 and 3 ------------------------------------------------------------------------

enum { IMAGE_DIMS = 4 };

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t layout_view;
#define VIEW(layout) (layout)
#define LAYOUT_NEW dnnl_memory_desc_create_with_tag

static void layout_free(dnnl_memory_desc_t *layout) {
    dnnl_memory_desc_destroy(*layout);
}

static dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
}
#else
typedef const dnnl_memory_desc_t *layout_view;
#define VIEW(layout) (&(layout))
#define LAYOUT_NEW dnnl_memory_desc_init_by_tag

static void layout_free(dnnl_memory_desc_t *layout) {
    (void)layout; // a plain struct
}

static dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1);
}
#endif

typedef enum product { FORWARD, GRADIENT_X, GRADIENT_W } product;

// The layouts of the operands of a product. weights: oneDNN's choice; plain: PyTorch's.
typedef struct layouts {
    dnnl_memory_desc_t x, weights, plain, bias, y;
    bool has_bias;
} layouts;

typedef struct geometry {
    dnnl_dims_t strides, dilation, padding;
} geometry;

#if DNNL_VERSION_MAJOR >= 3
static dnnl_status_t describe(dnnl_primitive_desc_t *out, product kind, const layouts *l,
                              const geometry *g, dnnl_engine_t engine, dnnl_primitive_attr_t how,
                              const_dnnl_primitive_desc_t forward) {
    switch (kind) {
    case GRADIENT_X:
        return dnnl_convolution_backward_data_primitive_desc_create(
            out, engine, dnnl_convolution_direct, l->x, l->weights, l->y, g->strides, g->dilation,
            g->padding, g->padding, forward, how);
    case GRADIENT_W:
        return dnnl_convolution_backward_weights_primitive_desc_create(
            out, engine, dnnl_convolution_direct, l->x, l->weights, l->has_bias ? l->bias : NULL,
            l->y, g->strides, g->dilation, g->padding, g->padding, forward, how);
    default:
        return dnnl_convolution_forward_primitive_desc_create(
            out, engine, dnnl_forward_training, dnnl_convolution_direct, l->x, l->weights, l->bias,
            l->y, g->strides, g->dilation, g->padding, g->padding, how);
    }
}
#else
static dnnl_status_t describe(dnnl_primitive_desc_t *out, product kind, const layouts *l,
                              const geometry *g, dnnl_engine_t engine, dnnl_primitive_attr_t how,
                              const_dnnl_primitive_desc_t forward) {
    dnnl_convolution_desc_t wanted;
    dnnl_status_t status;
    switch (kind) {
    case GRADIENT_X:
        status = dnnl_convolution_backward_data_desc_init(&wanted, dnnl_convolution_direct, &l->x,
                                                          &l->weights, &l->y, g->strides,
                                                          g->padding, g->padding);
        break;
    case GRADIENT_W:
        status = dnnl_convolution_backward_weights_desc_init(
            &wanted, dnnl_convolution_direct, &l->x, &l->weights, l->has_bias ? &l->bias : NULL,
            &l->y, g->strides, g->padding, g->padding);
        break;
    default:
        status = dnnl_convolution_forward_desc_init(
            &wanted, dnnl_forward_training, dnnl_convolution_direct, &l->x, &l->weights, &l->bias,
            &l->y, g->strides, g->padding, g->padding);
    }
    return status != dnnl_success ? status
                                  : dnnl_primitive_desc_create(out, &wanted, how, engine, forward);
}
#endif

// --- steps ---------------------------------------------------------------------------------

// One product of one shape. The memory objects get their addresses in each call.
typedef struct step {
    od_conv2d conv;
    product kind;
    dnnl_primitive_t product;
    dnnl_primitive_t reorder; // of the weights before it, or of their gradient behind it
    dnnl_memory_t x, weights, plain, bias, y, scratchpad;
    size_t weights_floats, scratchpad_floats; // rounded up to whole cache lines
    struct step *next;
} step;

struct od_cpu_convolutions {
    od_precision precision;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    step *steps;
};

#define DNNL_TRY(call)                      \
    do {                                    \
        const dnnl_status_t tried = (call); \
        if (tried != dnnl_success) {        \
            return tried;                   \
        }                                   \
    } while (0)

static size_t floats_of(layout_view layout) {
    enum { LINE = 16 };
    return (dnnl_memory_desc_get_size(layout) / sizeof(float) + LINE) / LINE * LINE;
}

// The types of what a product reads and writes.
typedef struct types {
    dnnl_data_type_t x, weights, y;
} types;

static types types_of(product kind, od_precision precision) {
    static const types rounded[] = {
        [FORWARD] = {dnnl_bf16, dnnl_bf16, dnnl_f32},
        [GRADIENT_X] = {dnnl_f32, dnnl_bf16, dnnl_bf16},
        [GRADIENT_W] = {dnnl_bf16, dnnl_f32, dnnl_bf16},
    };
    return precision == OD_PRECISION_BF16 ? rounded[kind] : (types){dnnl_f32, dnnl_f32, dnnl_f32};
}

// The gradient of a bias is of dy before it is rounded, which oneDNN does not see.
static bool has_bias(product kind, od_precision precision) {
    return kind == FORWARD || (kind == GRADIENT_W && precision == OD_PRECISION_FP32);
}

static dnnl_status_t make_layouts(layouts *out, const od_conv2d *conv, product kind,
                                  od_precision precision) {
    const types of = types_of(kind, precision);
    const dnnl_dims_t x = {conv->batch, conv->in, conv->height, conv->width};
    const dnnl_dims_t y = {conv->batch, conv->out, od_conv2d_side(conv, conv->height),
                           od_conv2d_side(conv, conv->width)};
    const dnnl_dims_t w = {conv->out, conv->in, conv->kernel, conv->kernel};
    const dnnl_dims_t b = {conv->out};
    out->has_bias = has_bias(kind, precision);
    DNNL_TRY(LAYOUT_NEW(&out->x, IMAGE_DIMS, x, of.x, dnnl_nhwc));
    DNNL_TRY(LAYOUT_NEW(&out->y, IMAGE_DIMS, y, of.y, dnnl_nhwc));
    DNNL_TRY(LAYOUT_NEW(&out->weights, IMAGE_DIMS, w, of.weights, dnnl_format_tag_any));
    DNNL_TRY(LAYOUT_NEW(&out->plain, IMAGE_DIMS, w, dnnl_f32, dnnl_oihw));
    return LAYOUT_NEW(&out->bias, 1, b, dnnl_f32, dnnl_a);
}

static void free_layouts(layouts *l) {
    layout_free(&l->x);
    layout_free(&l->y);
    layout_free(&l->weights);
    layout_free(&l->plain);
    layout_free(&l->bias);
}

static dnnl_status_t finish_primitive(dnnl_primitive_t *out, dnnl_primitive_desc_t description) {
    const dnnl_status_t status = dnnl_primitive_create(out, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

// The gradient of the weights is added to what is there, the weights themselves are copied.
static dnnl_status_t make_reorder(step *s, layout_view packed, layout_view plain,
                                  dnnl_engine_t engine) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_attr_t how = NULL;
    dnnl_post_ops_t sum = NULL;
    if (s->kind != GRADIENT_W) {
        DNNL_TRY(
            dnnl_reorder_primitive_desc_create(&description, plain, engine, packed, engine, NULL));
        return finish_primitive(&s->reorder, description);
    }
    dnnl_status_t status = dnnl_post_ops_create(&sum);
    status = status == dnnl_success ? append_sum(sum) : status;
    status = status == dnnl_success ? dnnl_primitive_attr_create(&how) : status;
    status = status == dnnl_success ? dnnl_primitive_attr_set_post_ops(how, sum) : status;
    if (status == dnnl_success) {
        status =
            dnnl_reorder_primitive_desc_create(&description, packed, engine, plain, engine, how);
    }
    dnnl_primitive_attr_destroy(how);
    dnnl_post_ops_destroy(sum);
    return status == dnnl_success ? finish_primitive(&s->reorder, description) : status;
}

static dnnl_status_t make_memory(step *s, const layouts *l, layout_view packed, layout_view pad,
                                 dnnl_engine_t engine) {
    DNNL_TRY(dnnl_memory_create(&s->x, VIEW(l->x), engine, DNNL_MEMORY_NONE));
    DNNL_TRY(dnnl_memory_create(&s->y, VIEW(l->y), engine, DNNL_MEMORY_NONE));
    DNNL_TRY(dnnl_memory_create(&s->plain, VIEW(l->plain), engine, DNNL_MEMORY_NONE));
    DNNL_TRY(dnnl_memory_create(&s->bias, VIEW(l->bias), engine, DNNL_MEMORY_NONE));
    DNNL_TRY(dnnl_memory_create(&s->weights, packed, engine, DNNL_MEMORY_NONE));
    DNNL_TRY(dnnl_memory_create(&s->scratchpad, pad, engine, DNNL_MEMORY_NONE));
    s->weights_floats = floats_of(packed);
    s->scratchpad_floats = floats_of(pad);
    return dnnl_success;
}

// Everything of a step whose product is described.
static dnnl_status_t make_parts(step *s, const layouts *l, dnnl_primitive_desc_t description,
                                dnnl_engine_t engine) {
    const dnnl_query_t role =
        s->kind == GRADIENT_W ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
    const layout_view packed = dnnl_primitive_desc_query_md(description, role, 0);
    const layout_view pad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    DNNL_TRY(make_reorder(s, packed, VIEW(l->plain), engine));
    DNNL_TRY(make_memory(s, l, packed, pad, engine));
    return dnnl_primitive_create(&s->product, description);
}

// of_forward: what the gradients' descriptions ask for beside their own.
static dnnl_status_t make_step(step *s, const layouts *l, const layouts *of_forward,
                               dnnl_engine_t engine) {
    const od_conv2d *conv = &s->conv;
    const geometry g = {{conv->stride, conv->stride}, {0, 0}, {conv->padding, conv->padding}};
    dnnl_primitive_attr_t how = NULL;
    dnnl_primitive_desc_t forward = NULL, description = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&how);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(how, dnnl_scratchpad_mode_user);
    }
    if (status == dnnl_success) {
        status = describe(&forward, FORWARD, of_forward, &g, engine, how, NULL);
    }
    if (status == dnnl_success) {
        status = describe(&description, s->kind, l, &g, engine, how, forward);
    }
    if (status == dnnl_success) {
        status = make_parts(s, l, description, engine);
    }
    dnnl_primitive_desc_destroy(description);
    dnnl_primitive_desc_destroy(forward);
    dnnl_primitive_attr_destroy(how);
    return status;
}

static void step_free(step *s) {
    dnnl_memory_t const memory[] = {s->x, s->weights, s->plain, s->bias, s->y, s->scratchpad};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        dnnl_memory_destroy(memory[i]);
    }
    dnnl_primitive_destroy(s->reorder);
    dnnl_primitive_destroy(s->product);
    free(s);
}

static step *step_new(od_cpu_convolutions *all, product kind, const od_conv2d *conv) {
    step *s = calloc(1, sizeof *s);
    layouts own = {0}, of_forward = {0};
    if (s == NULL) {
        return NULL;
    }
    s->conv = *conv;
    s->kind = kind;
    dnnl_status_t status = make_layouts(&own, conv, kind, all->precision);
    if (status == dnnl_success) {
        status = make_layouts(&of_forward, conv, FORWARD, all->precision);
    }
    if (status == dnnl_success) {
        status = make_step(s, &own, &of_forward, all->engine);
    }
    free_layouts(&own);
    free_layouts(&of_forward);
    if (status != dnnl_success) {
        step_free(s);
        return NULL;
    }
    s->next = all->steps;
    all->steps = s;
    return s;
}

static od_cpu_convolutions *convolutions_of(od_device *device) {
    if (device->convolutions == NULL) {
        od_cpu_convolutions *all = calloc(1, sizeof *all);
        if (all == NULL || dnnl_engine_create(&all->engine, dnnl_cpu, 0) != dnnl_success ||
            dnnl_stream_create(&all->stream, all->engine, dnnl_stream_default_flags) !=
                dnnl_success) {
            od_cpu_onednn_conv_free(all);
            return NULL;
        }
        all->precision = device->precision;
        device->convolutions = all;
    }
    return device->convolutions;
}

void od_cpu_onednn_conv_free(od_cpu_convolutions *all) {
    if (all == NULL) {
        return;
    }
    while (all->steps != NULL) {
        step *first = all->steps;
        all->steps = first->next;
        step_free(first);
    }
    dnnl_stream_destroy(all->stream);
    dnnl_engine_destroy(all->engine);
    free(all);
}

// --- running -------------------------------------------------------------------------------

// The memory of one call; plain is written by GRADIENT_W alone.
typedef struct operands {
    void *x, *plain, *bias, *y;
} operands;

static dnnl_status_t set_memory(step *s, const operands *o, float *scratch) {
    DNNL_TRY(dnnl_memory_set_data_handle(s->x, o->x));
    DNNL_TRY(dnnl_memory_set_data_handle(s->plain, o->plain));
    DNNL_TRY(dnnl_memory_set_data_handle(s->bias, o->bias));
    DNNL_TRY(dnnl_memory_set_data_handle(s->y, o->y));
    DNNL_TRY(dnnl_memory_set_data_handle(s->weights, scratch));
    return dnnl_memory_set_data_handle(s->scratchpad, scratch + s->weights_floats);
}

static dnnl_status_t execute(step *s, od_precision precision, dnnl_stream_t stream) {
    const struct {
        int x, weights, bias, y;
    } roles[] = {
        [FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
        [GRADIENT_X] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST},
        [GRADIENT_W] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST},
    };
    const bool packs = s->kind != GRADIENT_W;
    const dnnl_exec_arg_t reorder[] = {{DNNL_ARG_FROM, packs ? s->plain : s->weights},
                                       {DNNL_ARG_TO, packs ? s->weights : s->plain}};
    const dnnl_exec_arg_t given[] = {{roles[s->kind].x, s->x},
                                     {roles[s->kind].weights, s->weights},
                                     {roles[s->kind].y, s->y},
                                     {DNNL_ARG_SCRATCHPAD, s->scratchpad},
                                     {roles[s->kind].bias, s->bias}};
    const int count = has_bias(s->kind, precision) ? 5 : 4;
    if (packs) {
        DNNL_TRY(dnnl_primitive_execute(s->reorder, stream, 2, reorder));
    }
    DNNL_TRY(dnnl_primitive_execute(s->product, stream, count, given));
    if (!packs) {
        DNNL_TRY(dnnl_primitive_execute(s->reorder, stream, 2, reorder));
    }
    return dnnl_stream_wait(stream);
}

// NULL after od_cpu_fail.
static step *find_step(od_device *device, product kind, const od_conv2d *conv) {
    omp_set_num_threads(device->threads); // oneDNN's own regions take this many
    od_cpu_convolutions *all = convolutions_of(device);
    for (step *s = all != NULL ? all->steps : NULL; s != NULL; s = s->next) {
        if (s->kind == kind && memcmp(&s->conv, conv, sizeof *conv) == 0) {
            return s;
        }
    }
    step *made = all != NULL ? step_new(all, kind, conv) : NULL;
    if (made == NULL) {
        od_cpu_fail(device, "oneDNN cannot prepare a convolution; take a smaller batch or "
                            "--blas openblas");
    }
    return made;
}

static size_t floats_of_step(const step *s) {
    return s != NULL ? s->weights_floats + s->scratchpad_floats : 0;
}

static void run(od_device *device, step *s, const operands *o, float *scratch) {
    const od_cpu_convolutions *all = device->convolutions;
    if (set_memory(s, o, scratch) != dnnl_success ||
        execute(s, all->precision, all->stream) != dnnl_success) {
        od_cpu_fail(device, "oneDNN cannot compute a convolution; take a smaller batch or "
                            "--blas openblas");
    }
}

// oneDNN's handles are not const; what it reads it leaves alone.
static void *handle(const float *values) {
    union {
        const float *in;
        void *out;
    } cast = {values};
    return cast.out;
}

// --- rounding ------------------------------------------------------------------------------

static size_t lines(int64_t floats) {
    enum { LINE = 16 };
    return (size_t)(floats + LINE - 1) / LINE * LINE;
}

static int64_t x_count(const od_conv2d *conv) {
    return conv->batch * conv->height * conv->width * conv->in;
}

static int64_t y_rows(const od_conv2d *conv) {
    return conv->batch * od_conv2d_side(conv, conv->height) * od_conv2d_side(conv, conv->width);
}

// The floats that so many values in bfloat16 take; none on a device in float32.
static size_t rounded_floats(const od_device *device, int64_t count) {
    return device->precision == OD_PRECISION_BF16 ? lines((count + 1) / 2) : 0;
}

// from itself on a device in float32, else its values rounded, in to.
static void *operand(od_device *device, float *to, const float *from, int64_t count) {
    if (device->precision == OD_PRECISION_FP32) {
        return handle(from);
    }
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share my = od_cpu_my_share(count, 64);
        device->loops->bf16_rows((uint32_t *)(void *)to + my.begin / 2, from + my.begin, 1,
                                 my.end - my.begin);
    }
    return to;
}

// The same of dy [rows, n], whose column sums are added to db while it is at hand. sums: lines(n) for
// each thread; they are added in the order of the threads.
static void *gradient_operand(od_device *device, float *to, float *db, float *sums, const float *dy,
                              int64_t rows, int64_t n) {
    enum { ROWS = 64 }; // even, so that no pair is torn
    const int64_t stride = (int64_t)lines(n);
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share my = od_cpu_my_share(rows, ROWS);
        float *mine = sums + omp_get_thread_num() * stride;
        memset(mine, 0, (size_t)n * sizeof *mine);
        for (int64_t r = my.begin; r < my.end; r += ROWS) {
            const int64_t count = my.end - r < ROWS ? my.end - r : ROWS;
            device->loops->bf16_rows((uint32_t *)(void *)to + r * n / 2, dy + r * n, 1, count * n);
            device->loops->add_column_sums(mine, dy + r * n, count, n, n);
        }
#pragma omp barrier
        const od_cpu_share some = od_cpu_my_share(n, 1);
        for (int t = 0; t < omp_get_num_threads(); t++) {
            device->loops->add(db + some.begin, db + some.begin, sums + t * stride + some.begin,
                               some.end - some.begin);
        }
    }
    return to;
}

// --- the table's ---------------------------------------------------------------------------

bool od_cpu_onednn_conv_has_bf16(void) {
    const unsigned has = (unsigned)dnnl_get_effective_cpu_isa();
    const unsigned needed = dnnl_cpu_isa_avx512_core_bf16;
    return (has & needed) == needed;
}

void od_cpu_onednn_conv_forward(od_device *device, float *y, const float *x, const float *w,
                                const float *b, const od_conv2d *conv) {
    step *s = find_step(device, FORWARD, conv);
    if (s == NULL) {
        return;
    }
    const size_t own = floats_of_step(s);
    float *scratch = od_cpu_shared_scratch(device, own + rounded_floats(device, x_count(conv)));
    if (scratch != NULL) {
        const operands o = {operand(device, scratch + own, x, x_count(conv)), handle(w), handle(b),
                            y};
        run(device, s, &o, scratch);
    }
}

// What backward works in, behind the steps' own scratch.
typedef struct room {
    float *steps, *x, *dy, *sums;
} room;

// False after od_cpu_fail.
static bool make_room(od_device *device, room *out, size_t steps, const od_conv2d *conv) {
    const size_t x = rounded_floats(device, x_count(conv));
    const size_t dy = rounded_floats(device, y_rows(conv) * conv->out);
    const size_t sums = lines(conv->out) * (size_t)device->threads;
    float *scratch = od_cpu_shared_scratch(device, steps + x + dy + sums);
    if (scratch == NULL) {
        return false;
    }
    *out = (room){scratch, scratch + steps, scratch + steps + x, scratch + steps + x + dy};
    return true;
}

void od_cpu_onednn_conv_backward(od_device *device, float *dx, float *dw, float *db,
                                 const float *dy, const float *x, const float *w,
                                 const od_conv2d *conv) {
    step *of_x = dx != NULL ? find_step(device, GRADIENT_X, conv) : NULL;
    step *of_w = find_step(device, GRADIENT_W, conv);
    if (of_w == NULL || (dx != NULL && of_x == NULL)) {
        return;
    }
    room r;
    const size_t for_x = floats_of_step(of_x), for_w = floats_of_step(of_w);
    if (!make_room(device, &r, for_x > for_w ? for_x : for_w, conv)) {
        return;
    }
    const bool rounds = device->precision == OD_PRECISION_BF16;
    void *y = rounds ? gradient_operand(device, r.dy, db, r.sums, dy, y_rows(conv), conv->out)
                     : handle(dy);
    if (of_x != NULL) {
        const operands o = {dx, handle(w), NULL, y};
        run(device, of_x, &o, r.steps);
    }
    const operands o = {operand(device, r.x, x, x_count(conv)), dw, r.sums, y};
    run(device, of_w, &o, r.steps);
    if (!rounds) { // oneDNN has overwritten the sums
        device->loops->add(db, db, r.sums, conv->out);
    }
}

#endif
