// SPDX-License-Identifier: Apache-2.0
// embed TABLE PREFIX FILE...: prints a C source that defines
//   const od_embedded_file TABLE[] = { {name, bytes, size}, ..., {NULL, NULL, 0} };
// where name is FILE without PREFIX. Each file's bytes are followed by a NUL that size does
// not count, so that text can be used as a string. See base/embedded.h.
#include <stdio.h>
#include <string.h>

static int print_bytes(const char *path, int index) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    printf("static const unsigned char file_%d[] = {", index);
    long count = 0;
    for (int c = getc(file); c != EOF; c = getc(file), count++) {
        printf("%s%d,", count % 24 == 0 ? "\n" : "", c);
    }
    printf("0};\n");
    int failed = ferror(file);
    fclose(file);
    return failed ? -1 : 0;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: embed TABLE PREFIX FILE...\n");
        return 2;
    }
    size_t prefix = strlen(argv[2]);
    printf("#include \"base/embedded.h\"\n#include <stddef.h>\n\n");
    for (int i = 3; i < argc; i++) {
        if (print_bytes(argv[i], i) != 0) {
            return 1;
        }
    }
    printf("\nextern const od_embedded_file %s[];\nconst od_embedded_file %s[] = {\n", argv[1],
           argv[1]);
    for (int i = 3; i < argc; i++) {
        const char *name = strncmp(argv[i], argv[2], prefix) == 0 ? argv[i] + prefix : argv[i];
        printf("    {\"%s\", file_%d, sizeof file_%d - 1},\n", name, i, i);
    }
    printf("    {NULL, NULL, 0},\n};\n");
    return ferror(stdout) ? 1 : 0;
}
