// SPDX-License-Identifier: Apache-2.0
// core/data/mixup.c: the distribution of what is drawn, and what it does to a batch. A whole run
// is held against PyTorch's in tests/parity.
#include "core/data/mixup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 20000, SIZE = 28 };

static od_mixup draw(const od_mixup_spec *spec, int64_t batch) {
    return od_mixup_draw(spec, 11, 2, batch, SIZE);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double uniform_cdf(double x) { // Beta(1, 1)
    return x;
}

static double arcsine_cdf(double x) { // Beta(1/2, 1/2)
    return 2 / 3.14159265358979323846 * asin(sqrt(x));
}

static double parabola_cdf(double x) { // Beta(2, 2)
    return x * x * (3 - 2 * x);
}

static void lambda_is_beta_distributed(void **state) {
    (void)state;
    const struct {
        double alpha;
        double (*cdf)(double x);
    } cases[] = {{1, uniform_cdf}, {0.5, arcsine_cdf}, {2, parabola_cdf},
                 {0.8, NULL},      {0.2, NULL},        {10, NULL}};
    static double values[DRAWS];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const od_mixup_spec spec = {true, cases[i].alpha, 0, 1, 0.5};
        double sum = 0, squares = 0, farthest = 0;
        for (int64_t b = 0; b < DRAWS; b++) {
            values[b] = draw(&spec, b).lambda;
            assert_true(values[b] >= 0 && values[b] <= 1);
            sum += values[b];
            squares += (values[b] - 0.5) * (values[b] - 0.5);
        }
        const double variance = 1 / (4 * (2 * cases[i].alpha + 1));
        assert_true(fabs(sum / DRAWS - 0.5) < 5 * sqrt(variance / DRAWS));
        assert_true(fabs(squares / DRAWS / variance - 1) < 0.05);
        qsort(values, DRAWS, sizeof values[0], ascending);
        for (int b = 0; b < DRAWS && cases[i].cdf != NULL; b++) {
            farthest = fmax(farthest, fabs(cases[i].cdf(values[b]) - (b + 0.5) / DRAWS));
        }
        assert_true(farthest < 1.63 / sqrt(DRAWS)); // Kolmogorov and Smirnov at 1 %
    }
}

static void extreme_alphas_stay_in_range(void **state) {
    (void)state;
    static const double alphas[] = {1e-300, 1e-6, 0.001, 100};
    for (size_t i = 0; i < sizeof alphas / sizeof alphas[0]; i++) {
        const od_mixup_spec spec = {true, alphas[i], alphas[i], 1, 0.5};
        for (int64_t b = 0; b < 500; b++) {
            const od_mixup mixup = draw(&spec, b);
            assert_true(mixup.lambda >= 0 && mixup.lambda <= 1);
        }
    }
}

static void probabilities_choose(void **state) {
    (void)state;
    const od_mixup_spec both = {true, 0.8, 1, 0.7, 0.25}, never = {true, 0.8, 1, 0, 0.5},
                        only_cutmix = {true, 0, 1, 1, 0};
    int mixed = 0, cut = 0;
    for (int64_t b = 0; b < DRAWS; b++) {
        const od_mixup mixup = draw(&both, b);
        mixed += mixup.lambda < 1 || mixup.is_cutmix;
        cut += mixup.is_cutmix;
        assert_true(draw(&never, b).lambda == 1);
        assert_true(draw(&only_cutmix, b).is_cutmix);
    }
    assert_in_range(mixed, DRAWS * 7 / 10 - 320, DRAWS * 7 / 10 + 320); // deviation 65
    assert_in_range(cut, DRAWS * 7 / 40 - 270, DRAWS * 7 / 40 + 270);   // deviation 54
}

static void boxes_lie_within_and_correct_lambda(void **state) {
    (void)state;
    const od_mixup_spec spec = {true, 0, 1, 1, 0};
    double sum = 0;
    int at_corner = 0;
    for (int64_t b = 0; b < DRAWS; b++) {
        const od_mixup m = draw(&spec, b);
        assert_true(0 <= m.top && m.top <= m.bottom && m.bottom <= SIZE);
        assert_true(0 <= m.left && m.left <= m.right && m.right <= SIZE);
        const double area = (double)((m.bottom - m.top) * (m.right - m.left));
        assert_true(m.lambda == 1 - area / (SIZE * SIZE));
        sum += m.lambda;
        at_corner += m.top == 0 && m.right == SIZE;
    }
    // 0.5 would be left without the cut at the borders; 0.704 is the mean of numpy's draws with
    // timm's formula.
    assert_true(fabs(sum / DRAWS - 0.704) < 0.0065);
    assert_true(at_corner > DRAWS / 50);
}

static void draws_depend_on_seed_epoch_and_batch_alone(void **state) {
    (void)state;
    const od_mixup_spec spec = {true, 0.8, 1, 1, 0.5};
    const od_mixup first = od_mixup_draw(&spec, 1, 2, 3, SIZE);
    const od_mixup again = od_mixup_draw(&spec, 1, 2, 3, SIZE);
    assert_true(first.lambda == again.lambda && first.top == again.top);
    assert_true(od_mixup_draw(&spec, 2, 2, 3, SIZE).lambda != first.lambda);
    assert_true(od_mixup_draw(&spec, 1, 3, 3, SIZE).lambda != first.lambda);
    assert_true(od_mixup_draw(&spec, 1, 2, 4, SIZE).lambda != first.lambda);
}

enum { N = 4, SIDE = 3, CHANNELS = 2, IMAGE = SIDE * SIDE * CHANNELS };

static void fill(float *images) {
    for (int i = 0; i < N * IMAGE; i++) {
        images[i] = (float)(i * i % 97);
    }
}

static void mixup_blends_with_the_reverse(void **state) {
    (void)state;
    const od_mixup mixup = {.lambda = 0.25};
    float before[N * IMAGE], images[N * IMAGE];
    fill(before);
    fill(images);
    od_mixup_images(&mixup, images, N, SIDE, CHANNELS);
    for (int i = 0; i < N; i++) {
        for (int v = 0; v < IMAGE; v++) {
            const float other = before[(N - 1 - i) * IMAGE + v];
            assert_true(images[i * IMAGE + v] == before[i * IMAGE + v] * 0.25F + other * 0.75F);
        }
    }
}

static void cutmix_exchanges_the_box(void **state) {
    (void)state;
    const od_mixup mixup = {.lambda = 0.5, .is_cutmix = true, .top = 1, .bottom = 3, .right = 2};
    float before[N * IMAGE], images[N * IMAGE];
    fill(before);
    fill(images);
    od_mixup_images(&mixup, images, N, SIDE, CHANNELS);
    for (int i = 0; i < N; i++) {
        for (int v = 0; v < IMAGE; v++) {
            const int y = v / (SIDE * CHANNELS), x = v / CHANNELS % SIDE;
            const int from = y >= 1 && x < 2 ? N - 1 - i : i;
            assert_true(images[i * IMAGE + v] == before[from * IMAGE + v]);
        }
    }
}

static void a_lambda_of_1_changes_nothing(void **state) {
    (void)state;
    const od_mixup mixup = {.lambda = 1};
    float before[N * IMAGE], images[N * IMAGE];
    fill(before);
    fill(images);
    images[0] = before[0] = INFINITY; // 0 times it is not a number
    od_mixup_images(&mixup, images, N, SIDE, CHANNELS);
    assert_memory_equal(images, before, sizeof images);
}

static void targets_are_smoothed_and_mixed(void **state) {
    (void)state;
    const od_mixup mixup = {.lambda = 0.75};
    const int32_t labels[] = {0, 1, 1, 2};
    float targets[4 * 5];
    od_mixup_targets(&mixup, targets, labels, 4, 5, 0.1);
    const double on = 0.92, off = 0.02;
    for (int i = 0; i < 4; i++) {
        for (int c = 0; c < 5; c++) {
            const double mine = labels[i] == c ? on : off, theirs = labels[3 - i] == c ? on : off;
            assert_true(fabs((double)targets[i * 5 + c] - (0.75 * mine + 0.25 * theirs)) < 1e-6);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lambda_is_beta_distributed),
        cmocka_unit_test(extreme_alphas_stay_in_range),
        cmocka_unit_test(probabilities_choose),
        cmocka_unit_test(boxes_lie_within_and_correct_lambda),
        cmocka_unit_test(draws_depend_on_seed_epoch_and_batch_alone),
        cmocka_unit_test(mixup_blends_with_the_reverse),
        cmocka_unit_test(cutmix_exchanges_the_box),
        cmocka_unit_test(a_lambda_of_1_changes_nothing),
        cmocka_unit_test(targets_are_smoothed_and_mixed),
    };
    return cmocka_run_group_tests_name("core/data/mixup", tests, NULL, NULL);
}
