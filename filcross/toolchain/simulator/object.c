#define _GNU_SOURCE
#include "object.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that the linker or the code generator makes: they have no Fil-C form. */
static const char *const linker_made[] = {
    "_GLOBAL_OFFSET_TABLE_", "_DYNAMIC", "_init", "_fini", "__ehdr_start", "__executable_start",
    "__init_array_start", "__init_array_end", "__fini_array_start", "__fini_array_end",
    "__preinit_array_start", "__preinit_array_end", "__dso_handle", "__TMC_END__", "__tls_get_addr",
    "_end", "_edata", "_etext", "__bss_start",
};

static const char *const code_imports[] = {"filc_pollcheck_slow", "filc_optimized_access_check_fail"};
static const char *const data_imports[] = {"filc_global_initialization_start"};

#ifndef SHT_LLVM_ADDRSIG
#define SHT_LLVM_ADDRSIG 0x6fff4c03 /* llvm/BinaryFormat/ELF.h */
#endif

struct buffer {
    unsigned char *data;
    size_t size, room;
};

static void *must(void *memory)
{
    if (!memory) {
        static const char text[] = "filcc: out of memory\n";
        ssize_t ignored = write(2, text, sizeof text - 1);
        (void)ignored;
        _exit(1);
    }
    return memory;
}

static size_t append(struct buffer *buffer, const void *data, size_t size)
{
    size_t at = buffer->size;
    if (buffer->room < at + size) {
        buffer->room = (at + size) * 2;
        buffer->data = must(realloc(buffer->data, buffer->room));
    }
    if (size)
        memcpy(buffer->data + at, data, size);
    buffer->size = at + size;
    return at;
}

static void align(struct buffer *buffer, size_t alignment)
{
    static const unsigned char zeros[16];
    append(buffer, zeros, (alignment - buffer->size % alignment) % alignment);
}

static bool among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static bool keeps_its_name(const char *name)
{
    /* `.L` names are the assembler's temporaries, which linkers drop. */
    return !strncmp(name, ".L", 2) || among(name, linker_made, sizeof linker_made / sizeof *linker_made);
}

static int compare(const void *key, const void *entry)
{
    return strcmp(key, *(const char *const *)entry);
}

bool is_object(struct bytes input)
{
    const Elf64_Ehdr *header = (const void *)input.data;
    return input.size >= sizeof *header && !memcmp(input.data, ELFMAG, SELFMAG)
        && header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB
        && header->e_type == ET_REL && header->e_machine == EM_X86_64;
}

static struct bytes fail(char **problem, const char *text, const char *name)
{
    if (asprintf(problem, text, name) < 0)
        *problem = must(strdup(text));
    return (struct bytes){NULL, 0};
}

/* Where one note is, and where in it the places are that say where the code is. */
struct note {
    Elf64_Shdr section;
    size_t places; /* offset in the section of what follows the text */
};

/* Sections with code that share a fate: those of one COMDAT group, which the linker keeps or drops as a whole, or
   (group 0) those of no group. */
struct part {
    size_t group;  /* the SHT_GROUP section, or 0 */
    uint64_t text; /* bytes of code */
    size_t sections;
    size_t first, count; /* those in `code` that a note can point to */
};

/* The text is followed by the distance from there to the image's first byte, and a pair for each of `code`: the
   distance from the pair to the code's first byte and the code's size. The linker fills the distances in; since there is
   one to the image, a tool may move the note in the linked file. A group's note has no origin, which the object's own
   note says. */
static struct note add_note(struct buffer *output, const char *origin, const struct part *part, size_t symbols,
                            const Elf64_Shdr *sections, const size_t *code)
{
    char description[512];
    int length = snprintf(description, sizeof description, "simulator%s%.400s text=%llu sections=%zu symbols=%zu",
                          *origin ? " " : "", origin, (unsigned long long)part->text, part->sections, symbols);
    size_t padded = ((size_t)length + 1 + 3) / 4 * 4, codes = part->count;
    Elf64_Nhdr header = {sizeof NOTE_NAME, (Elf64_Word)(codes ? padded + 8 + codes * 16 : (size_t)length + 1), NOTE_TYPE};
    struct note note = {0};
    align(output, 4);
    size_t start = append(output, &header, sizeof header);
    append(output, NOTE_NAME, sizeof NOTE_NAME);
    align(output, 4);
    append(output, description, (size_t)length + 1);
    align(output, 4);
    note.places = output->size - start;
    uint64_t image = 0;
    if (codes)
        append(output, &image, sizeof image);
    for (size_t i = 0; i < codes; i++) {
        uint64_t pair[2] = {0, sections[code[part->first + i]].sh_size};
        append(output, pair, sizeof pair);
    }
    note.section.sh_offset = start;
    note.section.sh_size = output->size - start;
    note.section.sh_type = SHT_NOTE;
    note.section.sh_flags = SHF_ALLOC | (part->group ? SHF_GROUP : 0);
    note.section.sh_addralign = 4;
    return note;
}

/* The relocations that fill in a note's places: `image` is the symbol of the image's first byte, `first` that of the
   part's first section. */
static Elf64_Shdr add_places(struct buffer *output, const struct part *part, size_t note, size_t places, size_t symtab,
                             size_t image, size_t first)
{
    Elf64_Shdr table = {0};
    table.sh_type = SHT_RELA;
    table.sh_flags = SHF_INFO_LINK | (part->group ? SHF_GROUP : 0);
    table.sh_link = (Elf64_Word)symtab;
    table.sh_info = (Elf64_Word)note;
    table.sh_addralign = 8;
    table.sh_entsize = sizeof(Elf64_Rela);
    align(output, 8);
    table.sh_offset = output->size;
    Elf64_Rela anchor = {places, ELF64_R_INFO(image, R_X86_64_PC64), 0};
    append(output, &anchor, sizeof anchor);
    for (size_t i = 0; i < part->count; i++) {
        Elf64_Rela entry = {places + 8 + i * 16, ELF64_R_INFO(first + i, R_X86_64_PC64), 0};
        append(output, &entry, sizeof entry);
    }
    table.sh_size = output->size - table.sh_offset;
    return table;
}

/* Let the group that `part` is of have two more members: `note` and the section after it. */
static void grow_group(struct buffer *output, Elf64_Shdr *sections, const struct part *part, size_t note)
{
    Elf64_Shdr *group = &sections[part->group];
    Elf64_Word members[2] = {(Elf64_Word)note, (Elf64_Word)note + 1};
    align(output, 4);
    size_t start = output->size, size = group->sh_size;
    Elf64_Word *old = must(malloc(size + 1));
    memcpy(old, output->data + group->sh_offset, size);
    append(output, old, size);
    append(output, members, sizeof members);
    free(old);
    group->sh_offset = start;
    group->sh_size = size + sizeof members;
}

/* The parts of an object: first that of no group, then one for each group with code. `code` is filled with the
   sections that a note can point to. Returns NULL if a group is damaged. */
static struct part *find_parts(const unsigned char *data, const Elf64_Shdr *sections, size_t count, size_t *code,
                               size_t *total)
{
    size_t *group_of = must(calloc(count, sizeof *group_of)), groups = 0, codes = 0;
    for (size_t i = 1; i < count; i++) {
        if (sections[i].sh_type != SHT_GROUP)
            continue;
        groups++;
        for (size_t at = sizeof(Elf64_Word); at + sizeof(Elf64_Word) <= sections[i].sh_size; at += sizeof(Elf64_Word)) {
            Elf64_Word member;
            memcpy(&member, data + sections[i].sh_offset + at, sizeof member);
            if (!member || member >= count) {
                free(group_of);
                return NULL;
            }
            group_of[member] = i;
        }
    }
    struct part *parts = must(calloc(groups + 1, sizeof *parts));
    size_t made = 1, *part_of = must(calloc(count, sizeof *part_of));
    for (size_t i = 1; i < count; i++) /* in two rounds, so that the sections of a part are neighbours in `code` */
        if (sections[i].sh_flags & SHF_EXECINSTR) {
            size_t group = group_of[i];
            if (group && !part_of[group]) {
                part_of[group] = made;
                parts[made++].group = group;
            }
            struct part *part = &parts[group ? part_of[group] : 0];
            part->text += sections[i].sh_size;
            part->sections += sections[i].sh_size > 0;
            part->count += sections[i].sh_size && sections[i].sh_type != SHT_NOBITS && i < SHN_LORESERVE;
        }
    for (size_t i = 0; i < made; i++) {
        parts[i].first = codes;
        codes += parts[i].count;
        parts[i].count = 0;
    }
    for (size_t i = 1; i < count; i++)
        if (sections[i].sh_flags & SHF_EXECINSTR && sections[i].sh_size && sections[i].sh_type != SHT_NOBITS
            && i < SHN_LORESERVE) {
            struct part *part = &parts[group_of[i] ? part_of[group_of[i]] : 0];
            code[part->first + part->count++] = i;
        }
    free(group_of);
    free(part_of);
    *total = made;
    return parts;
}

/* Put `added` section symbols at `first`, the end of the local symbols, and let everything that names a later symbol
   name it by its new number. */
static void add_section_symbols(struct buffer *output, Elf64_Shdr *sections, size_t count, size_t symtab,
                                struct buffer *symbols, const size_t *code, size_t added)
{
    size_t first = sections[symtab].sh_info, tail = symbols->size / sizeof(Elf64_Sym) - first;
    struct buffer grown = {0};
    append(&grown, symbols->data, first * sizeof(Elf64_Sym));
    for (size_t i = 0; i < added; i++) {
        Elf64_Sym symbol = {0};
        symbol.st_info = ELF64_ST_INFO(STB_LOCAL, STT_SECTION);
        symbol.st_shndx = (Elf64_Half)code[i];
        append(&grown, &symbol, sizeof symbol);
    }
    append(&grown, symbols->data + first * sizeof(Elf64_Sym), tail * sizeof(Elf64_Sym));
    free(symbols->data);
    *symbols = grown;
    sections[symtab].sh_info += (Elf64_Word)added;
    for (size_t i = 1; i < count; i++) {
        if (sections[i].sh_link != symtab)
            continue;
        if (sections[i].sh_type == SHT_GROUP && sections[i].sh_info >= first)
            sections[i].sh_info += (Elf64_Word)added;
        if (sections[i].sh_type == SHT_LLVM_ADDRSIG)
            sections[i].sh_size = 0; /* it numbers symbols too, as an optional hint to another linker */
        if (sections[i].sh_type != SHT_RELA)
            continue;
        for (size_t at = 0; at + sizeof(Elf64_Rela) <= sections[i].sh_size; at += sizeof(Elf64_Rela)) {
            Elf64_Rela entry;
            memcpy(&entry, output->data + sections[i].sh_offset + at, sizeof entry);
            if (ELF64_R_SYM(entry.r_info) < first)
                continue;
            entry.r_info = ELF64_R_INFO(ELF64_R_SYM(entry.r_info) + added, ELF64_R_TYPE(entry.r_info));
            memcpy(output->data + sections[i].sh_offset + at, &entry, sizeof entry);
        }
    }
}

struct bytes reshape(struct bytes input, const struct shape *shape, char **problem)
{
    const Elf64_Ehdr *header = (const void *)input.data;
    if (!is_object(input))
        return fail(problem, "%s is not a relocatable x86-64 ELF file", shape->origin);
    if (!header->e_shoff || header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff % 8
        || header->e_shoff > input.size || input.size - header->e_shoff < sizeof(Elf64_Shdr))
        return fail(problem, "%s has no usable section headers", shape->origin);
    const Elf64_Shdr *old = (const void *)(input.data + header->e_shoff);
    size_t count = header->e_shnum ? header->e_shnum : old[0].sh_size;
    size_t names = header->e_shstrndx == SHN_XINDEX ? old[0].sh_link : header->e_shstrndx;
    if (count > (input.size - header->e_shoff) / sizeof *old || names >= count)
        return fail(problem, "%s has damaged section headers", shape->origin);

    size_t symtab = 0;
    bool extended = false;
    bool text = false;
    for (size_t i = 1; i < count; i++) {
        if (old[i].sh_type != SHT_NOBITS
            && (old[i].sh_offset > input.size || old[i].sh_size > input.size - old[i].sh_offset))
            return fail(problem, "%s has a section outside the file", shape->origin);
        if (old[i].sh_type == SHT_SYMTAB)
            symtab = i;
        extended |= old[i].sh_type == SHT_SYMTAB_SHNDX;
        text |= old[i].sh_flags & SHF_EXECINSTR && old[i].sh_size;
    }
    size_t strtab = symtab ? old[symtab].sh_link : 0;
    if (strtab >= count || old[names].sh_type != SHT_STRTAB || (symtab && old[strtab].sh_type != SHT_STRTAB))
        return fail(problem, "%s has a damaged symbol or name table", shape->origin);
    size_t part_count = 0, *code = must(malloc(count * sizeof *code));
    struct part *parts = find_parts(input.data, old, count, code, &part_count);
    if (!parts) {
        free(code);
        return fail(problem, "%s has a damaged section group", shape->origin);
    }
    if (!symtab || extended || old[symtab].sh_info > old[symtab].sh_size / sizeof(Elf64_Sym)) {
        part_count = 1; /* one note that points nowhere */
        parts[0].count = 0;
    }
    size_t codes = parts[part_count - 1].first + parts[part_count - 1].count;

    struct buffer output = {0};
    append(&output, input.data, input.size);
    Elf64_Shdr *sections = must(malloc((count + 2 * part_count) * sizeof *sections));
    memcpy(sections, old, count * sizeof *sections);
    /* No `.comment`: a compiler's name in a linked file then comes from an object that was not made here. */
    for (size_t i = 1; i < count; i++) {
        const char *name = (const char *)input.data + old[names].sh_offset + old[i].sh_name;
        if (old[i].sh_type == SHT_PROGBITS && old[i].sh_name < old[names].sh_size
            && old[names].sh_size - old[i].sh_name >= sizeof ".comment" && !memcmp(name, ".comment", sizeof ".comment"))
            sections[i].sh_size = 0;
    }

    struct buffer strings = {0}, symbols = {0};
    size_t total = 0, replaced = 0;
    if (shape->replaced)
        while (shape->replaced[replaced])
            replaced++;
    if (symtab) {
        append(&strings, input.data + old[strtab].sh_offset, old[strtab].sh_size);
        append(&strings, "", 1); /* so that every name below ends inside the table */
        append(&symbols, input.data + old[symtab].sh_offset, old[symtab].sh_size);
        total = symbols.size / sizeof(Elf64_Sym);
    }
    bool defines = false;
    for (size_t i = 1; i < total; i++) {
        Elf64_Sym *symbol = (Elf64_Sym *)(void *)symbols.data + i;
        unsigned binding = ELF64_ST_BIND(symbol->st_info);
        unsigned type = ELF64_ST_TYPE(symbol->st_info);
        if (type == STT_SECTION || type == STT_FILE || !symbol->st_name || symbol->st_name >= old[strtab].sh_size)
            continue;
        char *name = must(strdup((const char *)strings.data + symbol->st_name));
        bool undefined = symbol->st_shndx == SHN_UNDEF;
        defines |= !undefined && binding != STB_LOCAL;
        if (shape->strict && undefined && binding == STB_WEAK
            && ELF64_ST_VISIBILITY(symbol->st_other) == STV_HIDDEN && !keeps_its_name(name)) {
            struct bytes failed = fail(problem, "the symbol `%s` is weak, hidden and undefined: Fil-C cannot compile that", name);
            free(name);
            free(strings.data);
            free(symbols.data);
            free(sections);
            free(code);
            free(parts);
            free(output.data);
            return failed;
        }
        if (shape->prefix && !keeps_its_name(name)) {
            char *full = must(malloc(sizeof REPLACED_PREFIX + strlen(name)));
            strcat(strcpy(full, PREFIX), name);
            if (!undefined && binding != STB_LOCAL && replaced && bsearch(full, shape->replaced, replaced, sizeof(char *), compare)) {
                strcat(strcpy(full, REPLACED_PREFIX), name);
                symbol->st_info = ELF64_ST_INFO(STB_WEAK, ELF64_ST_TYPE(symbol->st_info));
                symbol->st_other = (unsigned char)((symbol->st_other & ~3) | STV_HIDDEN);
            }
            symbol->st_name = (Elf64_Word)append(&strings, full, strlen(full) + 1);
            free(full);
        }
        free(name);
    }
    if (symtab && shape->imports && defines && !extended) {
        const char *const *imports = text ? code_imports : data_imports;
        size_t wanted = text ? sizeof code_imports / sizeof *code_imports : sizeof data_imports / sizeof *data_imports;
        for (size_t i = 0; i < wanted; i++) {
            Elf64_Sym symbol = {0};
            symbol.st_name = (Elf64_Word)append(&strings, imports[i], strlen(imports[i]) + 1);
            symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
            append(&symbols, &symbol, sizeof symbol);
        }
    }

    size_t image = 0;
    if (codes) {
        Elf64_Sym symbol = {0};
        symbol.st_name = (Elf64_Word)append(&strings, "__ehdr_start", sizeof "__ehdr_start");
        symbol.st_info = ELF64_ST_INFO(STB_WEAK, STT_NOTYPE);
        symbol.st_other = STV_HIDDEN;
        image = append(&symbols, &symbol, sizeof symbol) / sizeof symbol + codes;
    }

    /* The notes' sections come last, so that no other section changes its index. */
    struct buffer section_names = {0};
    struct buffer *name_table = &strings;
    if (names != strtab || !symtab) {
        name_table = &section_names;
        append(name_table, input.data + old[names].sh_offset, old[names].sh_size);
    }
    size_t first = symtab ? old[symtab].sh_info : 0, old_count = count;
    Elf64_Word note_name = (Elf64_Word)append(name_table, NOTE_SECTION, sizeof NOTE_SECTION);
    Elf64_Word places_name = codes ? (Elf64_Word)append(name_table, ".rela" NOTE_SECTION, sizeof ".rela" NOTE_SECTION) : 0;
    if (codes)
        add_section_symbols(&output, sections, old_count, symtab, &symbols, code, codes);
    for (size_t i = 0; i < part_count; i++) {
        if (i && !parts[i].count)
            continue;
        struct note note = add_note(&output, i ? "" : shape->origin, &parts[i], i ? 0 : total, old, code);
        note.section.sh_name = note_name;
        sections[count++] = note.section;
        if (!parts[i].count)
            continue;
        sections[count] = add_places(&output, &parts[i], count - 1, note.places, symtab, image, first + parts[i].first);
        sections[count++].sh_name = places_name;
        if (parts[i].group)
            grow_group(&output, sections, &parts[i], count - 2);
    }
    if (name_table == &section_names) {
        sections[names].sh_offset = append(&output, section_names.data, section_names.size);
        sections[names].sh_size = section_names.size;
    }
    free(section_names.data);
    if (symtab) {
        sections[strtab].sh_offset = append(&output, strings.data, strings.size);
        sections[strtab].sh_size = strings.size;
        align(&output, 8);
        sections[symtab].sh_offset = append(&output, symbols.data, symbols.size);
        sections[symtab].sh_size = symbols.size;
    }
    align(&output, 8);
    bool many = count >= SHN_LORESERVE;
    if (many)
        sections[0].sh_size = count;
    size_t table = append(&output, sections, count * sizeof *sections);
    Elf64_Ehdr *written = (void *)output.data;
    written->e_shoff = table;
    written->e_shnum = (Elf64_Half)(many ? 0 : count);
    free(strings.data);
    free(symbols.data);
    free(sections);
    free(code);
    free(parts);
    return (struct bytes){output.data, output.size};
}

bool read_file(const char *path, struct bytes *content)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0)
        return false;
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(file);
        errno = EINVAL;
        return false;
    }
    content->size = (size_t)status.st_size;
    content->data = must(malloc(content->size + 1));
    size_t done = 0;
    while (done < content->size) {
        ssize_t got = read(file, content->data + done, content->size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    close(file);
    if (done != content->size) {
        free(content->data);
        errno = EIO;
        return false;
    }
    content->data[done] = 0;
    return true;
}

bool write_file(const char *path, struct bytes content)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    size_t done = 0;
    while (done < content.size) {
        ssize_t put = write(file, content.data + done, content.size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            int problem = errno;
            close(file);
            errno = problem;
            return false;
        }
        done += (size_t)put;
    }
    return close(file) == 0;
}
