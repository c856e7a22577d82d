// SPDX-License-Identifier: Apache-2.0
// What the fuzzers share. Each NAME_fuzz.c hands libFuzzer's bytes to one reader of bytes from
// outside, and checks what must hold whatever they are. libFuzzer and the sanitizers see to the
// rest: no crash, no leak, no undefined behaviour, no hang, no allocation that the bytes do not
// justify (fuzz_test.py states the limits).
#ifndef OD_TESTS_FUZZ_FUZZ_H
#define OD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Ends the program, so that libFuzzer keeps the bytes, where a property does not hold.
#define FUZZ_CHECK(condition)                                                             \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

// The path of a file that holds the bytes, until the next call with this slot (0 or 1).
const char *fuzz_file(int slot, const uint8_t *data, size_t size);

// The path of a folder of this process, in which name, which may have folders in it, holds the
// bytes.
const char *fuzz_folder(const char *name, const uint8_t *data, size_t size);

// The bytes and a NUL; free() it.
char *fuzz_text(const uint8_t *data, size_t size);

#endif
