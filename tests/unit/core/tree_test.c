// SPDX-License-Identifier: Apache-2.0
// core/data/source_tree.c and what it is made of: tiny-imagenet's folders, imagenet1k as class
// folders and as shards, whatever can be wrong with them, and the cache of the index.
#include "core/data/index.h"
#include "core/data/reader.h"
#include "tests/unit/core/archive.h"
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { TINY = 200, IMAGENET = 1000 };

static od_buffer large, small; // two JPEG files, 29 x 21 and 1 x 1

static int load_images(void **state) {
    (void)state;
    return od_file_read(PARITY_DATA "/images/rgb444.jpg", 1 << 20, &large, NULL) == OD_OK &&
                   od_file_read(PARITY_DATA "/images/small.jpg", 1 << 20, &small, NULL) == OD_OK
               ? 0
               : -1;
}

static int free_images(void **state) {
    (void)state;
    od_buffer_fini(&large);
    od_buffer_fini(&small);
    return 0;
}

// --- material -----------------------------------------------------------------------------

static char *path_of(const char *folder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// folder/..., good until the call after the next.
static char *path_of(const char *folder, const char *format, ...) {
    static char paths[2][SCRATCH_PATH_BYTES];
    static int next;
    char *path = paths[next++ % 2];
    int used = snprintf(path, SCRATCH_PATH_BYTES, "%s/", folder);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + used, (size_t)(SCRATCH_PATH_BYTES - used), format, arguments);
    va_end(arguments);
    return path;
}

static void make_folder(const char *path) {
    assert_int_equal(od_file_make_folders(path, NULL), OD_OK);
}

static void write_image(const char *folder, const char *name, const od_buffer *image) {
    scratch_write(folder, name, image->data, image->size);
}

static void write_text(const char *folder, const char *name, const char *text) {
    scratch_write(folder, name, text, strlen(text));
}

// A class's training folder has one image, that of n0003 two.
static void make_tiny(const char *root) {
    char annotations[2 * 64] = "";
    for (int c = 0; c < TINY; c++) {
        make_folder(path_of(root, "train/n%04d/images", c));
        write_image(root, path_of("", "train/n%04d/images/n%04d_0.JPEG", c, c) + 1, &small);
    }
    write_image(root, "train/n0003/images/n0003_10.JPEG", &large);
    write_text(root, "train/n0003/images/readme.txt", "no image");
    make_folder(path_of(root, "val/images"));
    write_image(root, "val/images/val_0.JPEG", &small);
    write_image(root, "val/images/val_1.JPEG", &large);
    snprintf(annotations, sizeof annotations, "%s%s", "val_1.JPEG\tn0199\t0\t0\t62\t62\n",
             "val_0.JPEG\tn0007\t1\t2\t3\t4\n");
    write_text(root, "val/val_annotations.txt", annotations);
}

static void make_class_folders(const char *root) {
    for (int c = 0; c < IMAGENET; c++) {
        make_folder(path_of(root, "train/n%08d", c));
        make_folder(path_of(root, "val/n%08d", c));
        write_image(root, path_of("", "train/n%08d/a.JPEG", c) + 1, &small);
        write_image(root, path_of("", "val/n%08d/b.jpg", c) + 1, &small);
    }
    write_image(root, "train/n00000999/B.png", &large);
}

static void add_sample(od_buffer *tar, const char *key, const char *class, const od_buffer *image) {
    char name[128];
    snprintf(name, sizeof name, "%s.cls", key);
    archive_add(tar, '0', name, class, strlen(class));
    snprintf(name, sizeof name, "%s.jpg", key);
    archive_add(tar, '0', name, image->data, image->size);
    snprintf(name, sizeof name, "%s.json", key);
    archive_add(tar, '0', name, "{}", 2);
}

static void add_classes(od_buffer *tar, const char *prefix, int first, int end) {
    for (int c = first; c < end; c++) {
        char key[64];
        char class[16];
        snprintf(key, sizeof key, "%s%04d", prefix, c);
        snprintf(class, sizeof class, "%d", (c * 7) % IMAGENET);
        add_sample(tar, key, class, c == 600 ? &large : &small);
    }
}

static void write_shard(const char *root, const char *name, od_buffer *tar) {
    archive_end(tar);
    scratch_write(root, name, tar->data, tar->size);
    od_buffer_fini(tar);
}

// Samples 0 to 599 and 600 to 999 for training, all in one shard for evaluation.
static void make_shards(const char *root) {
    od_buffer tar = {0};
    add_classes(&tar, "a/", 0, 600);
    write_shard(root, "imagenet1k-train-0000.tar", &tar);
    add_classes(&tar, "", 600, IMAGENET);
    write_shard(root, "imagenet1k-train-0001.tar", &tar);
    add_classes(&tar, "v", 0, IMAGENET);
    write_shard(root, "imagenet1k-validation-00.tar", &tar);
}

static int setup(void **state) {
    if (scratch_setup(state) != 0) {
        return -1;
    }
    make_folder(path_of(*state, "data"));
    unsetenv("CACHE_DIRECTORY");
    return setenv("XDG_CACHE_HOME", path_of(*state, "cache"), 1);
}

static const char *root_of(void **state) {
    static char root[SCRATCH_PATH_BYTES];
    return scratch_path(root, *state, "data");
}

static od_data_spec spec_of(const char *name, const char *root) {
    od_data_spec spec = {0};
    snprintf(spec.dataset, sizeof spec.dataset, "%s", name);
    snprintf(spec.root, sizeof spec.root, "%s", root);
    return spec;
}

static od_dataset *open_split(const char *name, const char *root, od_split split) {
    const od_data_spec spec = spec_of(name, root);
    od_dataset *dataset = NULL;
    od_dataset_size size = {0};
    od_error error = {0};
    if (od_dataset_measure(&spec, split, &size, &error) != OD_OK ||
        od_dataset_open(&spec, split, &dataset, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    if (dataset == NULL) {
        abort(); // not reached: fail_msg has left this function
    }
    assert_int_equal(size.count, dataset->count);
    assert_true(size.bytes >= 28 * size.count);
    return dataset;
}

// The image of a sample has these sides and decodes.
static void assert_sides(const od_dataset *dataset, int64_t index, int64_t width, int64_t height) {
    od_reader *reader = NULL;
    const od_image *image = NULL;
    od_error error = {0};
    assert_int_equal(od_reader_new(dataset, &reader, NULL), OD_OK);
    if (od_reader_read(reader, index, NULL, &image, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    assert_int_equal(image->channels, 3);
    od_reader_free(reader);
}

static void expect(const char *name, const char *root, od_split split, od_status expected,
                   const char *part) {
    const od_data_spec spec = spec_of(name, root);
    od_dataset *dataset = NULL;
    od_dataset_size size;
    od_error opening = {0};
    od_error measuring = {0};
    od_status status = od_dataset_open(&spec, split, &dataset, &opening);
    if (status != expected || strstr(opening.text, part) == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, opening.text, expected, part);
    }
    assert_int_equal(od_dataset_measure(&spec, split, &size, &measuring), expected);
    assert_string_equal(measuring.text, opening.text);
}

// --- tiny-imagenet ------------------------------------------------------------------------

static void tiny_imagenet_is_read(void **state) {
    const char *root = root_of(state);
    make_tiny(root);
    od_dataset *train = open_split("tiny-imagenet", root, OD_SPLIT_TRAIN);
    assert_int_equal(train->count, TINY + 1);
    assert_int_equal(train->classes, TINY);
    assert_null(train->pixels);
    static const int labels[] = {0, 1, 2, 3, 3, 4};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(train->labels[i], labels[i]);
    }
    assert_sides(train, 3, 1, 1);
    assert_sides(train, 4, 29, 21); // n0003_10 behind n0003_0
    od_dataset_free(train);
    od_dataset *eval = open_split("tiny-imagenet", root, OD_SPLIT_EVAL);
    assert_int_equal(eval->count, 2); // in the order of the annotations
    assert_int_equal(eval->labels[0], 199);
    assert_int_equal(eval->labels[1], 7);
    assert_sides(eval, 0, 29, 21);
    assert_sides(eval, 1, 1, 1);
    od_dataset_free(eval);
}

static void annotations_must_fit(void **state) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "val/val_annotations.txt has no lines"},
        {"val_0.JPEG n0007\n", "line 1 is not a file and its class, with a tab between"},
        {"val_0.JPEG\tn0007\n\nval_1.JPEG\tn0007\n", "line 2 is not a file and its class"},
        {"val_0.JPEG\tn0200\n", "line 1 has the class \"n0200\", which has no folder in train"},
        {"val_0.JPEG\tn0007\nval_2.JPEG\tn0007\n",
         "line 2 names \"val_2.JPEG\", which is not in val/images"},
        {"../images/val_0.JPEG\tn0007\n", "line 1 names \"../images/val_0.JPEG\", which is not"},
    };
    const char *root = root_of(state);
    make_tiny(root);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(root, "val/val_annotations.txt", cases[i].text);
        expect("tiny-imagenet", root, OD_SPLIT_EVAL, OD_E_CORRUPT, cases[i].part);
    }
}

static void every_class_has_a_folder_with_images(void **state) {
    const char *root = root_of(state);
    make_tiny(root);
    assert_int_equal(unlink(path_of(root, "train/n0100/images/n0100_0.JPEG")), 0);
    expect("tiny-imagenet", root, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "train/n0100/images has no images; a file's name must end in .jpeg, .jpg or .png");
    assert_int_equal(rmdir(path_of(root, "train/n0100/images")), 0);
    expect("tiny-imagenet", root, OD_SPLIT_TRAIN, OD_E_NOT_FOUND, "train/n0100/images");
    assert_int_equal(rmdir(path_of(root, "train/n0100")), 0);
    expect("tiny-imagenet", root, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "train has 199 class folders; tiny-imagenet has 200 classes");
    expect("tiny-imagenet", root, OD_SPLIT_EVAL, OD_E_CORRUPT, "train has 199 class folders");
}

// --- imagenet1k ---------------------------------------------------------------------------

static void class_folders_are_read(void **state) {
    const char *root = root_of(state);
    make_class_folders(root);
    od_dataset *train = open_split("imagenet1k", root, OD_SPLIT_TRAIN);
    assert_int_equal(train->count, IMAGENET + 1);
    assert_int_equal(train->labels[998], 998);
    assert_int_equal(train->labels[1000], 999);
    assert_sides(train, 999, 29, 21); // B.png in front of a.JPEG; JPEG is what is in it
    assert_sides(train, 1000, 1, 1);
    od_dataset_free(train);
    od_dataset *eval = open_split("imagenet1k", root, OD_SPLIT_EVAL);
    assert_int_equal(eval->count, IMAGENET);
    assert_int_equal(eval->labels[999], 999);
    od_dataset_free(eval);
    assert_int_equal(rename(path_of(root, "val/n00000500"), path_of(root, "val/n00000500x")), 0);
    expect("imagenet1k", root, OD_SPLIT_EVAL, OD_E_CORRUPT, "val has the folder n00000500x, and ");
    assert_int_equal(rename(path_of(root, "val/n00000500x"), path_of(root, "val/.hidden")), 0);
    expect("imagenet1k", root, OD_SPLIT_EVAL, OD_E_CORRUPT,
           "val has 999 class folders; imagenet1k has 1000 classes");
}

static void shards_are_read(void **state) {
    const char *root = root_of(state);
    make_shards(root);
    od_dataset *train = open_split("imagenet1k", root, OD_SPLIT_TRAIN);
    assert_int_equal(train->count, IMAGENET);
    for (int i = 0; i < IMAGENET; i++) {
        assert_int_equal(train->labels[i], i * 7 % IMAGENET);
    }
    assert_sides(train, 599, 1, 1);
    assert_sides(train, 600, 29, 21); // the first of the second shard
    od_dataset_free(train);
    od_dataset *eval = open_split("imagenet1k", root, OD_SPLIT_EVAL);
    assert_int_equal(eval->count, IMAGENET);
    assert_sides(eval, 999, 1, 1);
    od_dataset_free(eval);
}

static void every_shard_must_be_there(void **state) {
    const char *root = root_of(state);
    char found[OD_DATASETS_PATH_BYTES];
    make_shards(root);
    assert_int_equal(od_datasets_locate("imagenet1k", root, found, NULL), OD_OK);
    assert_int_equal(rename(path_of(root, "imagenet1k-train-0001.tar"),
                            path_of(root, "imagenet1k-train-0002.tar")),
                     0);
    expect("imagenet1k", root, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "has the shard imagenet1k-train-0002.tar where number 1 should be");
    assert_int_equal(unlink(path_of(root, "imagenet1k-train-0002.tar")), 0);
    expect("imagenet1k", root, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "have samples of 600 classes; imagenet1k has 1000");
    assert_int_equal(unlink(path_of(root, "imagenet1k-validation-00.tar")), 0);
    expect("imagenet1k", root, OD_SPLIT_EVAL, OD_E_NOT_FOUND,
           "has no shards called imagenet1k-validation-*.tar");
    od_error error = {0};
    assert_int_equal(od_datasets_locate("imagenet1k", root, found, &error), OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "has training shards and no evaluation shards"));
}

static void samples_must_be_whole(void **state) {
    static const struct {
        const char *names[3], *data[3], *part;
    } cases[] = {
        {{"k.jpg", "l.jpg"}, {"j", "j"}, "the sample k has no class (cls)"},
        {{"k.cls", "l.jpg"}, {"1", "j"}, "the sample k has no image"},
        {{"k.cls", "k.jpg", "k.png"}, {"1", "j", "j"}, "the sample k has two images"},
        {{"k.cls", "k.jpg", "k.cls"}, {"1", "j", "1"}, "the sample k has two classes"},
        {{"k.cls", "k.jpg"}, {"1", ""}, "the sample k has an image that is empty"},
        {{"k.cls"}, {"x"}, "the sample k has a class that is no number"},
        {{"k.cls"}, {""}, "the sample k has a class that is no number"},
        {{"k.cls"}, {"1 2"}, "the sample k has a class that is no number"},
        {{"k.cls"}, {"1000"}, "the sample k has the class 1000; classes are 0 to 999"},
        {{"k.cls"}, {"-1"}, "the sample k has the class -1; classes are 0 to 999"},
        {{"k.cls"}, {"0000000000000000001"}, "the sample k has a class that is no number"},
    };
    const char *root = root_of(state);
    make_shards(root);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        od_buffer tar = {0};
        for (int m = 0; m < 3 && cases[i].names[m] != NULL; m++) {
            const char *data = cases[i].data[m];
            archive_add(&tar, '0', cases[i].names[m], data, strlen(data));
        }
        write_shard(root, "imagenet1k-train-0000.tar", &tar);
        expect("imagenet1k", root, OD_SPLIT_TRAIN, OD_E_CORRUPT, cases[i].part);
    }
    scratch_write(root, "imagenet1k-train-0000.tar", "", 0);
    expect("imagenet1k", root, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "imagenet1k-train-0000.tar: the file ends without the blocks that end an archive");
}

static void other_members_are_left_aside(void **state) {
    const char *root = root_of(state);
    make_shards(root);
    od_buffer tar = {0};
    archive_add(&tar, '0', "README", "", 0);
    archive_add(&tar, '0', "dir.d/.hidden", "", 0);
    archive_add(&tar, '0', "only.json", "{}", 2);
    archive_add(&tar, '0', "k.PNG", large.data, large.size);
    archive_add(&tar, '0', "k.cls", "5\n", 2);
    add_classes(&tar, "", 0, 600);
    write_shard(root, "imagenet1k-train-0000.tar", &tar);
    od_dataset *train = open_split("imagenet1k", root, OD_SPLIT_TRAIN);
    assert_int_equal(train->count, IMAGENET + 1);
    assert_int_equal(train->labels[0], 5);
    assert_sides(train, 0, 29, 21);
    od_dataset_free(train);
}

// --- images that cannot be read -----------------------------------------------------------

static void expect_unreadable(const od_dataset *dataset, int64_t index, od_status expected,
                              const char *first, const char *second) {
    od_reader *reader = NULL;
    const od_image *image = NULL;
    od_error error = {0};
    assert_int_equal(od_reader_new(dataset, &reader, NULL), OD_OK);
    od_status status = od_reader_read(reader, index, NULL, &image, &error);
    if (status != expected || strstr(error.text, first) == NULL ||
        strstr(error.text, second) == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, error.text, expected, first);
    }
    od_reader_free(reader);
}

static void an_unreadable_file_is_named(void **state) {
    const char *root = root_of(state);
    make_tiny(root);
    write_text(root, "train/n0001/images/n0001_0.JPEG", "no image");
    od_dataset *train = open_split("tiny-imagenet", root, OD_SPLIT_TRAIN);
    expect_unreadable(train, 1, OD_E_CORRUPT,
                      "train/n0001/images/n0001_0.JPEG: ", "neither JPEG nor PNG");
    assert_int_equal(unlink(path_of(root, "train/n0000/images/n0000_0.JPEG")), 0);
    expect_unreadable(train, 0, OD_E_NOT_FOUND, "train/n0000/images/n0000_0.JPEG", "cannot open");
    assert_int_equal(mkfifo(path_of(root, "train/n0000/images/n0000_0.JPEG"), 0600), 0);
    expect_unreadable(train, 0, OD_E_CORRUPT, "train/n0000/images/n0000_0.JPEG", "is not a file");
    od_dataset_free(train);
}

static void an_unreadable_part_of_a_shard_is_named(void **state) {
    const char *root = root_of(state);
    make_shards(root);
    od_dataset *train = open_split("imagenet1k", root, OD_SPLIT_TRAIN);
    assert_int_equal(truncate(path_of(root, "imagenet1k-train-0001.tar"), 1600), 0);
    expect_unreadable(train, 600, OD_E_CORRUPT, "imagenet1k-train-0001.tar", "become shorter");
    od_buffer zeros = {0};
    assert_int_equal(od_buffer_reserve(&zeros, 1 << 16), OD_OK);
    memset(zeros.data, 0, 1 << 16);
    scratch_write(root, "imagenet1k-train-0001.tar", zeros.data, 1 << 16);
    expect_unreadable(train, 600, OD_E_CORRUPT,
                      "imagenet1k-train-0001.tar, image at byte 1536: ", "neither JPEG nor PNG");
    od_buffer_fini(&zeros);
    od_dataset_free(train);
}

// --- the cache ----------------------------------------------------------------------------

// The one file in the cache folder; "" when there is none.
static char *cache_file(void **state, char out[SCRATCH_PATH_BYTES]) {
    char folder[SCRATCH_PATH_BYTES];
    scratch_path(folder, *state, "cache/orthod");
    DIR *opened = opendir(folder);
    *out = '\0';
    for (const struct dirent *entry; opened != NULL && (entry = readdir(opened)) != NULL;) {
        if (entry->d_name[0] != '.') {
            assert_string_equal(out, "");
            scratch_path(out, folder, entry->d_name);
        }
    }
    if (opened != NULL) {
        closedir(opened);
    }
    return out;
}

static int64_t count_of(const char *root) {
    const od_data_spec spec = spec_of("tiny-imagenet", root);
    od_dataset_size size = {0};
    od_error error = {0};
    if (od_dataset_measure(&spec, OD_SPLIT_TRAIN, &size, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return size.count;
}

// Deletes an image so that the folder looks as before.
static void delete_unseen(const char *root) {
    struct stat before;
    const char *folder = path_of(root, "train/n0003/images");
    assert_int_equal(stat(folder, &before), 0);
    assert_int_equal(unlink(path_of(root, "train/n0003/images/n0003_10.JPEG")), 0);
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, folder, times, 0), 0);
}

static void an_index_is_kept_until_a_folder_changes(void **state) {
    char cache[SCRATCH_PATH_BYTES];
    const char *root = root_of(state);
    make_tiny(root);
    assert_string_equal(cache_file(state, cache), "");
    assert_int_equal(count_of(root), TINY + 1);
    assert_non_null(strstr(cache_file(state, cache), "tiny-imagenet-train-"));
    delete_unseen(root);
    assert_int_equal(count_of(root), TINY + 1); // as it was kept
    write_image(root, "train/n0004/images/n0004_1.JPEG", &small);
    write_image(root, "train/n0004/images/n0004_2.JPEG", &small);
    assert_int_equal(count_of(root), TINY + 2);
}

static void a_damaged_index_is_made_anew(void **state) {
    char cache[SCRATCH_PATH_BYTES];
    const char *root = root_of(state);
    make_tiny(root);
    delete_unseen(root);
    assert_int_equal(count_of(root), TINY);
    od_buffer good = {0};
    assert_int_equal(od_file_read(cache_file(state, cache), 1 << 20, &good, NULL), OD_OK);
    for (size_t i = 0; i < good.size; i += i < 64 ? 1 : 311) {
        good.data[i] = (char)(good.data[i] ^ 1);
        scratch_write("", cache + 1, good.data, good.size);
        assert_int_equal(count_of(root), TINY);
        good.data[i] = (char)(good.data[i] ^ 1);
    }
    for (size_t size = 0; size < good.size; size += size < 64 ? 1 : 311) {
        scratch_write("", cache + 1, good.data, size);
        assert_int_equal(count_of(root), TINY);
    }
    od_buffer now = {0};
    assert_int_equal(od_file_read(cache, 1 << 20, &now, NULL), OD_OK);
    assert_int_equal(now.size, good.size);
    assert_memory_equal(now.data, good.data, good.size); // and kept again
    od_buffer_fini(&now);
    od_buffer_fini(&good);
}

// A cache with a right checksum is no reason to trust what it says.
static void an_index_never_leads_out_of_itself(void **state) {
    static const od_index_sample samples[] = {
        {.container = 1}, {.label = TINY}, {.label = -1}, {.at = 8}, {.at = UINT64_MAX}};
    char path[SCRATCH_PATH_BYTES];
    od_index out = {0};
    scratch_path(path, *state, "bad.index");
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        od_index index = {0};
        uint32_t container;
        assert_int_equal(od_index_add_container(&index, "val", &container, NULL), OD_OK);
        assert_int_equal(od_index_add_file(&index, container, "a.b", 0, NULL), OD_OK);
        assert_int_equal(od_index_store(&index, path, 7, NULL), OD_OK);
        assert_int_equal(od_index_load(path, 8, TINY, &out, NULL), OD_E_CORRUPT);
        assert_int_equal(od_index_load(path, 7, TINY, &out, NULL), OD_OK);
        od_index_fini(&out);
        memcpy(index.samples.data, &samples[i], sizeof samples[i]);
        assert_int_equal(od_index_store(&index, path, 7, NULL), OD_OK);
        assert_int_equal(od_index_load(path, 7, TINY, &out, NULL), OD_E_CORRUPT);
        assert_null(out.samples.data);
        od_index_fini(&index);
    }
}

static void no_cache_is_no_fault(void **state) {
    const char *root = root_of(state);
    make_tiny(root);
    write_text(*state, "cache", "a file where the folder should be");
    assert_int_equal(count_of(root), TINY + 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME"); // which no other test needs
    assert_int_equal(count_of(root), TINY + 1);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(tiny_imagenet_is_read),
        IN_SCRATCH(annotations_must_fit),
        IN_SCRATCH(every_class_has_a_folder_with_images),
        IN_SCRATCH(class_folders_are_read),
        IN_SCRATCH(shards_are_read),
        IN_SCRATCH(every_shard_must_be_there),
        IN_SCRATCH(samples_must_be_whole),
        IN_SCRATCH(other_members_are_left_aside),
        IN_SCRATCH(an_unreadable_file_is_named),
        IN_SCRATCH(an_unreadable_part_of_a_shard_is_named),
        IN_SCRATCH(an_index_is_kept_until_a_folder_changes),
        IN_SCRATCH(a_damaged_index_is_made_anew),
        IN_SCRATCH(an_index_never_leads_out_of_itself),
        IN_SCRATCH(no_cache_is_no_fault),
    };
    return cmocka_run_group_tests_name("core/data/source_tree", tests, load_images, free_images);
}
