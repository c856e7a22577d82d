// SPDX-License-Identifier: Apache-2.0
// CIFAR's binary version. The first byte says which of the two.
#include "core/data/source.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct {
        const char *dataset, *file;
    } kinds[] = {{"cifar10", "test_batch.bin"}, {"cifar100", "test.bin"}};
    if (size == 0) {
        return 0;
    }
    const od_dataset_facts *facts = od_datasets_find(kinds[data[0] & 1].dataset);
    const char *root = fuzz_folder(kinds[data[0] & 1].file, data + 1, size - 1);
    od_dataset_size measured = {0};
    od_dataset *dataset = calloc(1, sizeof *dataset);
    FUZZ_CHECK(dataset != NULL);
    od_status status = od_source_cifar.size(facts, root, OD_SPLIT_EVAL, &measured, NULL);
    FUZZ_CHECK(od_source_cifar.open(facts, root, OD_SPLIT_EVAL, dataset, NULL) == status);
    FUZZ_CHECK(status != OD_OK || dataset->count == measured.count);
    for (int64_t i = 0; status == OD_OK && i < dataset->count; i++) {
        FUZZ_CHECK(dataset->labels[i] >= 0 && dataset->labels[i] < facts->classes);
    }
    od_dataset_free(dataset);
    return 0;
}
