/* Used while the simulator is built: reshapes objects, or every object of an archive.

   reshape [--prefix] [--imports] [--origin TEXT] [--replaced FILE] INPUT OUTPUT

   FILE lists prefixed names, one a line, whose definitions in INPUT make way for others. The members of an archive
   are said to come from TEXT:MEMBER, or from MEMBER where TEXT is empty; it comes out without a symbol index (run
   ranlib). */
#define _GNU_SOURCE
#include "object.h"

#include <ar.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *why)
{
    fprintf(stderr, "reshape: %s: %s\n", what, why);
    exit(1);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static const char **read_names(const char *path)
{
    struct bytes content;
    if (!read_file(path, &content))
        die(path, strerror(errno));
    size_t count = 0;
    const char **names = calloc(content.size / 2 + 2, sizeof *names);
    for (char *name = strtok((char *)content.data, "\n"); name; name = strtok(NULL, "\n"))
        names[count++] = name;
    qsort(names, count, sizeof *names, by_name);
    return names;
}

static struct bytes reshape_or_die(struct bytes input, struct shape *shape)
{
    char *problem = NULL;
    struct bytes output = reshape(input, shape, &problem);
    if (!output.data)
        die(shape->origin, problem);
    return output;
}

static void put(FILE *file, const void *data, size_t size)
{
    if (size && fwrite(data, 1, size, file) != size)
        die("writing", strerror(errno));
}

static void convert_archive(struct bytes input, struct shape *shape, FILE *file)
{
    const char *base = shape->origin, *long_names = "";
    put(file, ARMAG, SARMAG);
    for (size_t at = SARMAG; at + sizeof(struct ar_hdr) <= input.size;) {
        struct ar_hdr member;
        memcpy(&member, input.data + at, sizeof member);
        struct bytes content = {input.data + at + sizeof member, strtoul(member.ar_size, NULL, 10)};
        at += sizeof member + content.size + content.size % 2;
        if (at > input.size + 1)
            die(base, "the archive ends early");
        if (!memcmp(member.ar_name, "/ ", 2))
            continue; /* the old symbol index */
        /* Members stand at even offsets; headers are read where they are aligned. */
        unsigned char *aligned = malloc(content.size + 1);
        if (!aligned)
            die(base, "out of memory");
        memcpy(aligned, content.data, content.size);
        char origin[512], name[256];
        if (!memcmp(member.ar_name, "//", 2)) {
            long_names = (const char *)content.data;
        } else if (is_object((struct bytes){aligned, content.size})) {
            const char *start = member.ar_name[0] == '/' ? long_names + strtoul(member.ar_name + 1, NULL, 10) : member.ar_name;
            snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "/"), start);
            snprintf(origin, sizeof origin, "%s%s%s", base, *base ? ":" : "", name);
            shape->origin = origin;
            content = reshape_or_die((struct bytes){aligned, content.size}, shape);
        }
        free(aligned);
        char size[sizeof member.ar_size + 1];
        snprintf(size, sizeof size, "%-10zu", content.size);
        memcpy(member.ar_size, size, sizeof member.ar_size);
        put(file, &member, sizeof member);
        put(file, content.data, content.size);
        put(file, "\n", content.size % 2);
    }
}

int main(int argc, char **argv)
{
    struct shape shape = {0};
    int i = 1;
    for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
        if (!strcmp(argv[i], "--prefix"))
            shape.prefix = true;
        else if (!strcmp(argv[i], "--imports"))
            shape.imports = true;
        else if (!strcmp(argv[i], "--origin") && i + 1 < argc)
            shape.origin = argv[++i];
        else if (!strcmp(argv[i], "--replaced") && i + 1 < argc)
            shape.replaced = read_names(argv[++i]);
        else
            die(argv[i], "unknown option");
    }
    if (argc - i != 2)
        die("usage", "reshape [--prefix] [--imports] [--origin TEXT] [--replaced FILE] INPUT OUTPUT");
    if (!shape.origin)
        shape.origin = basename(argv[i]);
    struct bytes input;
    if (!read_file(argv[i], &input))
        die(argv[i], strerror(errno));
    FILE *file = fopen(argv[i + 1], "wb");
    if (!file)
        die(argv[i + 1], strerror(errno));
    if (input.size >= SARMAG && !memcmp(input.data, ARMAG, SARMAG)) {
        convert_archive(input, &shape, file);
    } else {
        struct bytes output = reshape_or_die(input, &shape);
        put(file, output.data, output.size);
    }
    if (fclose(file))
        die(argv[i + 1], strerror(errno));
    return 0;
}
