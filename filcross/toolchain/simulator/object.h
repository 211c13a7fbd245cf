/* Gives a relocatable x86-64 ELF object the shape of a Fil-C object: prefixed names and the simulator's note, which
   says what the object was made from and, once linked, where its code is. */
#ifndef FILCROSS_SIMULATOR_OBJECT_H
#define FILCROSS_SIMULATOR_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define NOTE_SECTION ".note.filcross.simulator"
#define NOTE_NAME "filcross"
#define NOTE_TYPE 0x46534d31 /* "FSM1" */
#define PREFIX "pizlonated_"
#define REPLACED_PREFIX PREFIX "__replaced_"

struct shape {
    bool prefix;              /* rename every symbol but the linker's own and the source's name */
    bool imports;             /* add undefined symbols of the runtime, as instrumented code has them */
    bool strict;              /* refuse what the real compiler cannot compile */
    const char *origin;       /* what the object was made from, for the note */
    const char *const *replaced; /* prefixed names whose definitions must make way, or NULL; ends with NULL */
};

struct bytes {
    unsigned char *data;
    size_t size;
};

/* Whether `input` is an ELF object that reshape() can work on. */
bool is_object(struct bytes input);

/* Return the reshaped copy of `input` in memory from malloc(). On failure `data` is NULL and *problem says why
   (in memory from malloc()). */
struct bytes reshape(struct bytes input, const struct shape *shape, char **problem);

/* Read and write whole files; they return false with errno set. */
bool read_file(const char *path, struct bytes *content);
bool write_file(const char *path, struct bytes content);

#endif
