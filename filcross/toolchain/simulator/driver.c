/* The simulator's compiler driver: has the command line of Fil-C's clang, compiles with the host's compiler, gives
   every object the shape of a Fil-C object, and links against the simulated sandwich.

   The host's compiler is compiled in: HOST_COMPILER (absolute path), HOST_KIND ("clang" or "gcc") and HOST_VERSION
   ("19.1.7"), as are FILC_VERSION ("0.686") and LOADER ("ld-fil1-x86_64.so"). */
#define _GNU_SOURCE
#include "object.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIPLE "x86_64-unknown-linux-gnu"
#define LONGEST_COMMAND (256 * 1024) /* bytes; above this, arguments go through a response file */

/* ---- words ------------------------------------------------------------------------------------------------------ */

static const char *program = "filcc";
static char *scratch;       /* folder for temporary files, made when first needed */
static char *half_written;  /* an output that must not survive a failure */

static void clean_up(void)
{
    if (half_written)
        unlink(half_written);
    if (!scratch)
        return;
    DIR *folder = opendir(scratch);
    if (folder) {
        for (struct dirent *entry; (entry = readdir(folder));)
            if (entry->d_name[0] != '.' || (entry->d_name[1] && strcmp(entry->d_name, "..")))
                unlinkat(dirfd(folder), entry->d_name, 0);
        closedir(folder);
    }
    rmdir(scratch);
}

static volatile sig_atomic_t caught, child;
static _Noreturn void die_of(int number);

static _Noreturn void leave(int code)
{
    if (caught)
        die_of(caught);
    clean_up();
    exit(code);
}

static _Noreturn void __attribute__((format(printf, 1, 2))) die(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: error: ", program);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    leave(1);
}

static void *must(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

static char *__attribute__((format(printf, 1, 2))) text(const char *format, ...)
{
    char *result = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&result, format, arguments) < 0)
        result = must(NULL);
    va_end(arguments);
    return result;
}

struct list {
    const char **items;
    size_t count, room;
};

static void add(struct list *list, const char *item)
{
    if (list->count + 2 > list->room) {
        list->room = list->room ? list->room * 2 : 64;
        list->items = must(realloc(list->items, list->room * sizeof *list->items));
    }
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

static void add_all(struct list *list, const struct list *more)
{
    for (size_t i = 0; i < more->count; i++)
        add(list, more->items[i]);
}

static bool starts(const char *word, const char *beginning)
{
    return !strncmp(word, beginning, strlen(beginning));
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static char *with_suffix(const char *path, const char *suffix)
{
    const char *base = base_name(path), *dot = strrchr(base, '.');
    size_t length = dot && dot != base ? (size_t)(dot - path) : strlen(path);
    return text("%.*s%s", (int)length, path, suffix);
}

static bool is_folder(const char *path)
{
    struct stat status;
    return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static bool is_file(const char *path)
{
    struct stat status;
    return !stat(path, &status) && !S_ISDIR(status.st_mode);
}

static const char *scratch_file(const char *name, const char *suffix)
{
    static unsigned serial;
    if (!scratch) {
        const char *parent = getenv("TMPDIR");
        scratch = text("%s/filcc-XXXXXX", parent && *parent ? parent : "/tmp");
        if (!mkdtemp(scratch)) {
            const char *failed = scratch;
            scratch = NULL;
            die("cannot make the temporary folder %s: %s", failed, strerror(errno));
        }
    }
    return text("%s/%.100s-%u%s", scratch, name, serial++, suffix);
}

/* ---- children --------------------------------------------------------------------------------------------------- */

static void on_signal(int number)
{
    caught = number;
    if (child > 0)
        kill((pid_t)child, number);
}

static const int fatal_signals[] = {SIGHUP, SIGINT, SIGTERM};

static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof fatal_signals / sizeof *fatal_signals; i++) {
        struct sigaction before;
        if (!sigaction(fatal_signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(fatal_signals[i], &action, NULL);
    }
}

static _Noreturn void die_of(int number)
{
    sigset_t itself;
    caught = 0;
    clean_up();
    signal(number, SIG_DFL);
    sigemptyset(&itself);
    sigaddset(&itself, number);
    sigprocmask(SIG_UNBLOCK, &itself, NULL); /* run() calls with the signals blocked */
    raise(number);
    _exit(128 + number);
}

/* As clang prints commands: with -### every word in quotes, with -v the program and what needs them. Build systems
   read it (libtool finds in it what a C++ library is linked with). */
static void print_command(const struct list *command, bool quote)
{
    for (size_t i = 0; i < command->count; i++) {
        if (i && !quote && !strpbrk(command->items[i], " \"\\$")) {
            fprintf(stderr, " %s", command->items[i]);
            continue;
        }
        fputs(" \"", stderr);
        for (const char *c = command->items[i]; *c; c++) {
            if (strchr("\"\\$", *c))
                fputc('\\', stderr);
            fputc(*c, stderr);
        }
        fputc('"', stderr);
    }
    fputc('\n', stderr);
}

/* Very long commands pass their arguments in a file, which clang, gcc and the linkers read alike. */
static struct list shorten(const struct list *command)
{
    size_t size = 0;
    for (size_t i = 0; i < command->count; i++)
        size += strlen(command->items[i]) + 1;
    if (size < LONGEST_COMMAND)
        return *command;
    const char *path = scratch_file("arguments", ".rsp");
    FILE *file = fopen(path, "w");
    if (!file)
        die("cannot write %s: %s", path, strerror(errno));
    for (size_t i = 1; i < command->count; i++) {
        fputc('"', file);
        for (const char *c = command->items[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                fputc('\\', file);
            fputc(*c, file);
        }
        fputs("\"\n", file);
    }
    if (fclose(file))
        die("cannot write %s: %s", path, strerror(errno));
    struct list shortened = {0};
    add(&shortened, command->items[0]);
    add(&shortened, text("@%s", path));
    return shortened;
}

static int run(const struct list *command, bool show)
{
    if (show)
        print_command(command, false);
    struct list shortened = shorten(command);
    sigset_t fatal, before;
    sigemptyset(&fatal);
    for (size_t i = 0; i < sizeof fatal_signals / sizeof *fatal_signals; i++)
        sigaddset(&fatal, fatal_signals[i]);
    fflush(NULL);
    sigprocmask(SIG_BLOCK, &fatal, &before); /* so that no signal falls between fork() and `child` */
    if (caught)
        die_of(caught);
    pid_t started = fork();
    if (!started) {
        for (size_t i = 0; i < sizeof fatal_signals / sizeof *fatal_signals; i++) {
            struct sigaction handler;
            if (!sigaction(fatal_signals[i], NULL, &handler) && handler.sa_handler == on_signal)
                signal(fatal_signals[i], SIG_DFL);
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        execv(shortened.items[0], (char *const *)shortened.items);
        fprintf(stderr, "%s: error: cannot run %s: %s\n", program, shortened.items[0], strerror(errno));
        _exit(127);
    }
    child = started;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (started < 0)
        die("cannot start a process: %s", strerror(errno));
    int status;
    while (waitpid(started, &status, 0) < 0)
        if (errno != EINTR)
            die("cannot wait for %s: %s", shortened.items[0], strerror(errno));
    child = 0;
    if (caught)
        die_of(caught);
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "%s: error: %s ended by signal %d\n", program, shortened.items[0], WTERMSIG(status));
        return 254;
    }
    return WEXITSTATUS(status);
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

enum stage { LINK, COMPILE, PASS };
enum language { BY_NAME, C, CXX, ASSEMBLER, OTHER_SOURCE };

struct input {
    const char *path;           /* or NULL for an argument to the linker */
    const char *linker;
    const char *language;       /* what -x said, or NULL */
};

static struct {
    enum stage stage;
    bool deferred_help;
    const char *output;
    struct input *inputs;
    size_t input_count;
    struct list compile;        /* options for the compiler */
    struct list library_paths;  /* -L */
    struct list prefixes;       /* -B */
    struct list dubious;        /* options that only the compiler can judge */
    bool shared, is_static, relocatable, no_pie, no_start_files, no_default_libs, normal_crt, raw_assembler;
    bool no_std_includes, no_cxx_includes, no_builtin_includes, export_dynamic, strip, openmp;
    bool no_cxx_library, static_cxx_library;
    const char *cxx_library;    /* -stdlib= */
    bool verbose, dry_run, cplusplus, preprocess_driver;
    bool depends, depends_file, depends_target; /* -MD or -MMD; -MF; -MT or -MQ */
    bool side_outputs;          /* files beside the output take their names from it */
    const char *linker;         /* -fuse-ld= or --ld-path= */
    const char *resource_dir, *dynamic_linker, *crt_path, *include, *stdfil_include, *os_include, *version_script;
    const char *compiler_headers;
} line;

static void refuse(const char *option, const char *why)
{
    die("unsupported option '%s': %s", option, why);
}

static void add_linker(const char *argument)
{
    line.inputs = must(realloc(line.inputs, (line.input_count + 1) * sizeof *line.inputs));
    line.inputs[line.input_count++] = (struct input){.linker = argument};
}

static void add_input(const char *path, const char *language)
{
    line.inputs = must(realloc(line.inputs, (line.input_count + 1) * sizeof *line.inputs));
    line.inputs[line.input_count++] = (struct input){.path = path, .language = language};
}

/* The words of a response file, quoted as GNU tools do. */
static void expand(struct list *words, const char *word, int depth)
{
    struct bytes content;
    if (word[0] != '@' || !word[1] || depth > 20 || !read_file(word + 1, &content)) {
        add(words, word);
        return;
    }
    const char *c = (const char *)content.data, *end = c + content.size;
    while (c < end) {
        while (c < end && isspace((unsigned char)*c))
            c++;
        if (c == end)
            break;
        char *item = must(malloc((size_t)(end - c) + 1)), *put = item, quote = 0;
        for (; c < end && (quote || !isspace((unsigned char)*c)); c++) {
            if (*c == '\\' && c + 1 < end)
                *put++ = *++c;
            else if (quote ? *c == quote : (*c == '"' || *c == '\''))
                quote = quote ? 0 : *c;
            else
                *put++ = *c;
        }
        *put = 0;
        expand(words, item, depth + 1);
    }
    free(content.data);
}

/* If `word` is `name=value` (or `name value` in two words), return the value. */
static const char *value_of(const struct list *words, size_t *at, const char *name)
{
    const char *word = words->items[*at];
    size_t length = strlen(name);
    if (strncmp(word, name, length))
        return NULL;
    if (word[length] == '=')
        return word + length + 1;
    if (word[length] || *at + 1 == words->count)
        return NULL;
    return words->items[++*at];
}

/* If `word` is `name` and a value, joined or apart, return the value. */
static const char *joined_or_next(const struct list *words, size_t *at, const char *name)
{
    const char *word = words->items[*at];
    if (!starts(word, name))
        return NULL;
    if (word[strlen(name)])
        return word + strlen(name);
    if (*at + 1 == words->count)
        die("argument to '%s' is missing (expected 1 value)", name);
    return words->items[++*at];
}

static const char *const compile_with_value[] = {
    "-D", "-U", "-I", "-isystem", "-idirafter", "-iquote", "-include", "-imacros", "-include-pch", "-iprefix",
    "-iwithprefix", "-iwithprefixbefore", "-isysroot", "-imultilib", "-cxx-isystem", "-stdlib++-isystem", "-Xclang", "-Xpreprocessor",
    "-Xassembler", "-Xanalyzer", "-mllvm", "-aux-info", "--param", "-dumpbase", "-dumpdir", "-working-directory",
    "-MJ", "-Xopenmp-target", "--serialize-diagnostics", NULL,
};

static const char *const ignored[] = {
    "-pipe", "-static-libgcc", "-shared-libgcc", "-fno-lto", "-no-canonical-prefixes", "-canonical-prefixes",
    "-Qunused-arguments", "-pie", "-no-integrated-cpp",
    "-fno-profile-arcs", "-fno-profile-instr-generate", "-fno-profile-generate", "-fno-profile-use",
    "-fno-coverage-mapping", "-fno-test-coverage", NULL,
};

/* Fil-C 0.686 has no runtimes for these and no link-time optimisation: github.com/pizlonator/fil-c, issue 105, and
   the package's contents. */
static void refuse_unsupported(const char *word)
{
    if (starts(word, "-flto") || !strcmp(word, "-ffat-lto-objects"))
        refuse(word, "Fil-C has no link-time optimisation");
    if (starts(word, "-fsanitize=") || starts(word, "-fsanitize-coverage="))
        refuse(word, "Fil-C packages no sanitizer runtimes");
    if (starts(word, "-fprofile-") || starts(word, "-fcs-profile-") || starts(word, "-fcoverage-mapping")
        || !strcmp(word, "--coverage") || !strcmp(word, "-coverage") || !strcmp(word, "-ftest-coverage"))
        if (!starts(word, "-fprofile-update") && !starts(word, "-fprofile-dir"))
            refuse(word, "Fil-C packages no profiling runtime");
    if (!strcmp(word, "-export-dynamic"))
        refuse(word, "use -Wl,-export-dynamic or -rdynamic");
    if (!strcmp(word, "-m32") || !strcmp(word, "-mx32") || !strcmp(word, "-m16"))
        refuse(word, "unsupported Fil-C target architecture");
}

static void check_target(const char *target)
{
    if (!starts(target, "x86_64-") && strcmp(target, "x86_64"))
        die("unsupported Fil-C target architecture in '%s': the simulator has x86_64 only", target);
    if (!strstr(target, "linux"))
        die("unsupported target '%s': Fil-C is for Linux", target);
}

static void split_commas(const char *words, void (*take)(const char *))
{
    char *copy = must(strdup(words)), *rest = copy;
    for (char *word; (word = strsep(&rest, ","));)
        take(word);
}

static void take_assembler(const char *word)
{
    if (starts(word, "--compress-debug-sections") || starts(word, "-compress-debug-sections")) {
        fprintf(stderr, "%s: warning: debug sections are not compressed ('%s' ignored)\n", program, word);
        return;
    }
    add(&line.compile, text("-Wa,%s", word));
}

static void note_dependencies(const char *words)
{
    /* -Wp,-MD,FILE writes FILE; the target would take its name from the temporary output. */
    line.depends |= strstr(words, "-MD") || strstr(words, "-MMD");
    line.depends_file |= strstr(words, "-MD,") || strstr(words, "-MMD,") || strstr(words, "-MF");
    line.depends_target |= strstr(words, "-MT") || strstr(words, "-MQ");
}

static void show_version(FILE *stream);

/* The options of Fil-C's own driver; returns whether the word at `*at` is one. */
static bool take_filc_option(const struct list *words, size_t *at)
{
    static const struct {
        const char *name;
        const char **value;
    } options[] = {
        {"--filc-resource-dir", &line.resource_dir},     {"--filc-dynamic-linker", &line.dynamic_linker},
        {"--filc-crt-path", &line.crt_path},             {"--filc-include", &line.include},
        {"--filc-stdfil-include", &line.stdfil_include}, {"--filc-os-include", &line.os_include},
        {"--version-script", &line.version_script},
    };
    const char *word = words->items[*at];
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        size_t length = strlen(options[i].name);
        if (starts(word, options[i].name) && word[length] == '=') {
            *options[i].value = word + length + 1;
            return true;
        }
    }
    if (!strcmp(word, "-yolo-assembler"))
        return line.raw_assembler = true;
    if (!strcmp(word, "-normalcrt"))
        return line.normal_crt = true;
    return false;
}

/* Options that are for the linker alone; returns whether the word at `*at` is one. */
static bool take_link_option(const struct list *words, size_t *at)
{
    const char *word = words->items[*at], *value;
    if (starts(word, "-Wl,"))
        split_commas(word + 4, add_linker);
    else if (!strcmp(word, "-Xlinker"))
        add_linker(joined_or_next(words, at, "-Xlinker"));
    else if (!strcmp(word, "-shared"))
        line.shared = true;
    else if (!strcmp(word, "-static") || !strcmp(word, "--static") || !strcmp(word, "-static-pie"))
        line.is_static = true;
    else if (!strcmp(word, "-no-pie") || !strcmp(word, "-nopie"))
        line.no_pie = true;
    else if (!strcmp(word, "-r"))
        line.relocatable = true;
    else if (!strcmp(word, "-nostdlib") || !strcmp(word, "--no-standard-libraries"))
        line.no_start_files = line.no_default_libs = true;
    else if (!strcmp(word, "-nostartfiles"))
        line.no_start_files = true;
    else if (!strcmp(word, "-nodefaultlibs") || !strcmp(word, "-nolibc"))
        line.no_default_libs = true;
    else if (!strcmp(word, "-nostdlib++"))
        line.no_cxx_library = true;
    else if (!strcmp(word, "-static-libstdc++"))
        line.static_cxx_library = true;
    else if (starts(word, "-stdlib=") || starts(word, "--stdlib="))
        line.cxx_library = strchr(word, '=') + 1;
    else if (!strcmp(word, "-rdynamic"))
        line.export_dynamic = true;
    else if (!strcmp(word, "-s"))
        line.strip = true;
    else if (!strcmp(word, "-t"))
        add_linker(word);
    else if (starts(word, "-fuse-ld="))
        line.linker = word + strlen("-fuse-ld=");
    else if (starts(word, "--ld-path="))
        line.linker = word + strlen("--ld-path=");
    else if (starts(word, "-l"))
        add_linker(text("-l%s", joined_or_next(words, at, "-l")));
    else if (starts(word, "-L"))
        add(&line.library_paths, text("-L%s", joined_or_next(words, at, "-L")));
    else if (starts(word, "-B"))
        add(&line.prefixes, joined_or_next(words, at, "-B"));
    else if (!strcmp(word, "-rpath"))
        add_linker("-rpath"), add_linker(joined_or_next(words, at, "-rpath"));
    else if (starts(word, "-T") || !strcmp(word, "-e") || !strcmp(word, "-h") || !strcmp(word, "-y")
             || (starts(word, "-u") && !starts(word, "-und")) || starts(word, "-z")) {
        char option[3] = {word[0], word[1], 0};
        value = joined_or_next(words, at, option);
        add_linker(must(strdup(option)));
        add_linker(value);
    } else if (starts(word, "-rtlib=") || starts(word, "--rtlib=") || starts(word, "-unwindlib=")
               || starts(word, "--unwindlib=")) {
        /* there is one of each */
    } else {
        return false;
    }
    return true;
}

static void take_compile_option(const struct list *words, size_t *at)
{
    const char *word = words->items[*at], *value;
    if (!strcmp(word, "-MF") || !strcmp(word, "-MT") || !strcmp(word, "-MQ")) {
        *(word[2] == 'F' ? &line.depends_file : &line.depends_target) = true;
        add(&line.compile, word);
        add(&line.compile, joined_or_next(words, at, word));
    } else if (starts(word, "-MF") || starts(word, "-MT") || starts(word, "-MQ")) {
        *(word[2] == 'F' ? &line.depends_file : &line.depends_target) = true;
        add(&line.compile, word);
    } else if (!strcmp(word, "-MD") || !strcmp(word, "-MMD")) {
        line.depends = true;
        add(&line.compile, word);
    } else if (starts(word, "-Wp,")) {
        note_dependencies(word + 4);
        add(&line.compile, word);
    } else if (starts(word, "-Wa,")) {
        split_commas(word + 4, take_assembler);
    } else if (starts(word, "-gz")) {
        if (strcmp(word, "-gz=none"))
            fprintf(stderr, "%s: warning: debug sections are not compressed ('%s' ignored)\n", program, word);
    } else if ((value = value_of(words, at, "-target")) || (value = value_of(words, at, "--target"))) {
        check_target(value);
    } else if (!strcmp(word, "-resource-dir") || starts(word, "-resource-dir=")) {
        line.compiler_headers = value_of(words, at, "-resource-dir");
    } else if (!strcmp(word, "--sysroot") || starts(word, "--sysroot=") || !strcmp(word, "--gcc-toolchain")
               || starts(word, "--gcc-toolchain=") || starts(word, "--gcc-install-dir=")) {
        if (!strcmp(word, "--sysroot") || !strcmp(word, "--gcc-toolchain"))
            joined_or_next(words, at, word); /* the sandwich is in one place, and not there */
    } else if (one_of(word, compile_with_value)) {
        add(&line.compile, word);
        add(&line.compile, joined_or_next(words, at, word));
    } else {
        if (!strcmp(word, "-nostdinc++")) {
            line.no_cxx_includes = true;
            return;
        }
        if (!strcmp(word, "-nostdinc") || !strcmp(word, "-nostdlibinc"))
            line.no_std_includes = true;
        if (!strcmp(word, "-nostdinc") || !strcmp(word, "-nobuiltininc"))
            line.no_builtin_includes = true;
        line.openmp |= starts(word, "-fopenmp");
        line.side_outputs |= starts(word, "-save-temps") || starts(word, "--save-temps") || starts(word, "-gsplit-dwarf")
            || !strcmp(word, "-fstack-usage") || starts(word, "-ftime-trace") || starts(word, "-fsave-optimization-record");
        bool plain = (starts(word, "-O") || starts(word, "-g") || starts(word, "-W") || starts(word, "-D")
                      || starts(word, "-I") || starts(word, "-U") || starts(word, "-std=") || !strcmp(word, "-w")
                      || starts(word, "-fPI") || starts(word, "-fpi") || !strcmp(word, "-pthread")
                      || !strcmp(word, "-pedantic") || !strcmp(word, "-ansi") || !strcmp(word, "-v"));
        if (!plain)
            add(&line.dubious, word);
        add(&line.compile, word);
    }
}

static void parse(const struct list *words)
{
    const char *language = NULL;
    bool options_end = false;
    for (size_t i = 1; i < words->count; i++) {
        const char *word = words->items[i];
        if (options_end || word[0] != '-' || !word[1]) {
            add_input(word, language);
            continue;
        }
        if (!strcmp(word, "--")) {
            options_end = true;
            continue;
        }
        refuse_unsupported(word);
        if (!strcmp(word, "-c") || !strcmp(word, "--compile")) {
            if (line.stage == LINK)
                line.stage = COMPILE;
        } else if (!strcmp(word, "-E") || !strcmp(word, "-S") || !strcmp(word, "-fsyntax-only") || !strcmp(word, "-M")
                   || !strcmp(word, "-MM") || !strcmp(word, "--preprocess") || !strcmp(word, "--assemble")
                   || !strcmp(word, "-emit-llvm") || !strcmp(word, "--analyze") || !strcmp(word, "--precompile")) {
            line.stage = PASS;
            add(&line.compile, word);
        } else if (!strcmp(word, "-###")) {
            line.dry_run = line.verbose = true;
        } else if (!strcmp(word, "-v") || !strcmp(word, "--verbose")) {
            line.verbose = true;
            add(&line.compile, "-v");
        } else if (starts(word, "-o") && !starts(word, "-objc") && !starts(word, "-openmp")) {
            line.output = joined_or_next(words, &i, "-o");
        } else if (!strcmp(word, "--output") || starts(word, "--output=")) {
            line.output = value_of(words, &i, "--output");
        } else if (starts(word, "-x") && !starts(word, "-xc-isystem")) {
            language = joined_or_next(words, &i, "-x");
            if (!strcmp(language, "none"))
                language = NULL;
        } else if (starts(word, "--driver-mode=")) {
            line.cplusplus = !strcmp(word, "--driver-mode=g++");
            line.preprocess_driver = !strcmp(word, "--driver-mode=cpp");
        } else if (take_filc_option(words, &i)) {
            continue;
        } else if (one_of(word, ignored)) {
            continue;
        } else if (!take_link_option(words, &i)) {
            take_compile_option(words, &i);
        }
    }
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static char *build_folder; /* <root>/build */
static char *pizfix;       /* <root>/pizfix, or NULL when the compiler stands alone */

static void find_places(void)
{
    char *self = realpath("/proc/self/exe", NULL);
    if (!self)
        die("cannot find my own program file: %s", strerror(errno));
    *strrchr(self, '/') = 0; /* build/bin */
    *strrchr(self, '/') = 0; /* build */
    build_folder = must(strdup(self));
    char *beside = text("%.*s/pizfix", (int)(strrchr(self, '/') - self), self);
    pizfix = is_folder(beside) ? beside : NULL;
    free(self);
}

/* Precedence as in Fil-C: the flag for the part, the flag for all, pizfix beside the compiler, /opt/fil. */
static const char *place(const char *flag, const char *part)
{
    if (flag)
        return flag;
    if (line.resource_dir)
        return text("%s/%s", line.resource_dir, part);
    if (pizfix)
        return text("%s/%s", pizfix, part);
    return text("/opt/fil/%s", part);
}

static const char *libraries(void)
{
    return place(line.crt_path, "lib");
}

static const char *compiler_headers(void)
{
    return line.compiler_headers ? line.compiler_headers : text("%s/lib/clang/20", build_folder);
}

static const char *find_library_file(const char *name)
{
    const char *path = text("%s/%s", libraries(), name);
    if (is_file(path))
        return path;
    for (size_t i = 0; i < line.prefixes.count; i++) {
        path = text("%s%s%s", line.prefixes.items[i], is_folder(line.prefixes.items[i]) ? "/" : "", name);
        if (is_file(path))
            return path;
    }
    path = text("%s/%s", compiler_headers(), name);
    return is_file(path) || is_folder(path) ? path : name;
}

static const char *executable(char *path)
{
    if (is_file(path) && !access(path, X_OK))
        return path;
    free(path);
    return NULL;
}

/* A program of the binutils: in the -B places and COMPILER_PATH, beside the compiler, on PATH; with the names that
   a cross setup gives it before the plain one. */
static const char *find_program(const char *name)
{
    const char *const names[] = {text(TRIPLE "-%s", name), text("x86_64-unknown-linux-filc-%s", name), name};
    const char *found;
    struct list places = {0};
    add_all(&places, &line.prefixes);
    char *rest = getenv("COMPILER_PATH");
    if (rest)
        for (char *copy = must(strdup(rest)), *folder; (folder = strsep(&copy, ":"));)
            if (*folder)
                add(&places, folder);
    add(&places, text("%s/bin", build_folder));
    for (size_t i = 0; i < places.count; i++) {
        bool folder = is_folder(places.items[i]);
        for (size_t j = 0; j < 3; j++)
            if ((found = executable(text("%s%s%s", places.items[i], folder ? "/" : "", names[j]))))
                return found;
    }
    const char *search = getenv("PATH");
    for (size_t j = 0; j < 3; j++)
        for (char *copy = must(strdup(search ? search : "/usr/bin:/bin")), *folder; (folder = strsep(&copy, ":"));)
            if (*folder && (found = executable(text("%s/%s", folder, names[j]))))
                return found;
    return NULL;
}

static const char *find_linker(void)
{
    const char *name = "ld";
    if (line.linker && strchr(line.linker, '/'))
        return line.linker;
    if (line.linker && *line.linker && strcmp(line.linker, "ld"))
        name = text("ld.%s", line.linker);
    const char *found = find_program(name);
    if (!found)
        die("unable to find the linker '%s' in the -B places or on PATH (binutils)", name);
    return found;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void show_version(FILE *stream)
{
    fprintf(stream, "%s version %s (Fil-C %s simulator, not memory-safe)\n", HOST_KIND, HOST_VERSION, FILC_VERSION);
    fprintf(stream, "Target: " TRIPLE "\nThread model: posix\nInstalledDir: %s/bin\n", build_folder);
}

static bool answer(const struct list *words)
{
    const char *value;
    for (size_t i = 1; i < words->count; i++) {
        const char *word = words->items[i];
        if (!strcmp(word, "--version")) {
            show_version(stdout);
        } else if (!strcmp(word, "-dumpversion")) {
            puts(HOST_VERSION);
        } else if (!strcmp(word, "-dumpmachine") || !strcmp(word, "-print-target-triple")
                   || !strcmp(word, "--print-target-triple") || !strcmp(word, "-print-effective-triple")) {
            puts(TRIPLE);
        } else if (!strcmp(word, "-print-multiarch") || !strcmp(word, "--print-multiarch")) {
            puts("x86_64-linux-gnu");
        } else if (!strcmp(word, "-print-search-dirs") || !strcmp(word, "--print-search-dirs")) {
            printf("programs: =%s/bin\nlibraries: =%s:%s\n", build_folder, compiler_headers(), libraries());
        } else if ((value = value_of(words, &i, "-print-file-name")) || (value = value_of(words, &i, "--print-file-name"))) {
            puts(find_library_file(value));
        } else if ((value = value_of(words, &i, "-print-prog-name")) || (value = value_of(words, &i, "--print-prog-name"))) {
            const char *found = find_program(value);
            puts(found ? found : value);
        } else if (!strcmp(word, "-print-libgcc-file-name") || !strcmp(word, "--print-libgcc-file-name")) {
            puts(find_library_file("libyolort.a"));
        } else if (!strcmp(word, "-print-resource-dir") || !strcmp(word, "--print-resource-dir")) {
            puts(compiler_headers());
        } else if (!strcmp(word, "-print-multi-os-directory") || !strcmp(word, "--print-multi-os-directory")) {
            puts("../lib");
        } else if (!strcmp(word, "-print-multi-directory") || !strcmp(word, "--print-multi-directory")) {
            puts(".");
        } else if (!strcmp(word, "-print-multi-lib") || !strcmp(word, "--print-multi-lib")) {
            puts(".;");
        } else {
            continue;
        }
        return true;
    }
    return false;
}

/* ---- compiling -------------------------------------------------------------------------------------------------- */

#define NO_CXX \
    "this simulator was made without the C++ library; after `filcross toolchain libcxx` the next one has it"

static enum language language_of(const struct input *input)
{
    static const char *const c_names[] = {"c", "c-header", "cpp-output", NULL};
    static const char *const cxx_names[] = {"c++", "c++-header", "c++-cpp-output", "c++-module", NULL};
    static const char *const assembler_names[] = {"assembler", "assembler-with-cpp", NULL};
    static const char *const c_ends[] = {".c", ".i", ".h", NULL};
    static const char *const plain_ends[] = {".ll", ".bc", NULL};
    static const char *const cxx_ends[] = {".cc", ".cp", ".cpp", ".cxx", ".c++", ".C", ".CPP", ".CXX", ".ii", ".hh",
                                           ".hpp", ".hxx", ".H", ".cppm", ".ccm", ".cxxm", ".c++m", NULL};
    static const char *const assembler_ends[] = {".s", ".S", ".sx", NULL};
    static const char *const other_ends[] = {
        ".m", ".mm", ".M", ".f", ".F", ".f90", ".F90", ".cu", ".cl", ".go", ".d", NULL,
    };
    if (input->language) {
        if (one_of(input->language, c_names))
            return C;
        if (one_of(input->language, cxx_names))
            return CXX;
        return one_of(input->language, assembler_names) ? ASSEMBLER : OTHER_SOURCE;
    }
    const char *end = strrchr(base_name(input->path), '.');
    if (!end)
        return BY_NAME;
    if (one_of(end, c_ends)) /* as clang++ does, with a warning */
        return line.cplusplus ? CXX : C;
    if (one_of(end, plain_ends))
        return C;
    if (one_of(end, cxx_ends))
        return CXX;
    if (one_of(end, assembler_ends))
        return ASSEMBLER;
    return one_of(end, other_ends) ? OTHER_SOURCE : BY_NAME;
}

static bool is_header(const struct input *input)
{
    static const char *const ends[] = {".h", ".hh", ".hpp", ".hxx", ".H", NULL};
    if (input->language)
        return !strcmp(input->language, "c-header") || !strcmp(input->language, "c++-header");
    const char *end = strrchr(base_name(input->path), '.');
    return end && one_of(end, ends);
}

static const char *cxx_headers(void)
{
    return text("%s/include/c++/v1", build_folder);
}

static void refuse_other_languages(void)
{
    bool cxx_is_there = is_folder(cxx_headers());
    for (size_t i = 0; i < line.input_count; i++) {
        struct input *input = &line.inputs[i];
        if (!input->path)
            continue;
        enum language language = language_of(input);
        if (language == OTHER_SOURCE)
            die("%s: the Fil-C simulator compiles C, C++ and assembler only", input->path);
        bool links = language == BY_NAME && line.stage == LINK && !line.no_cxx_library && !line.no_default_libs;
        if (!cxx_is_there && (language == CXX || (line.cplusplus && (links || !strcmp(input->path, "-")))))
            die("%s: " NO_CXX, input->path);
        if ((language == CXX || line.cplusplus) && line.cxx_library && strcmp(line.cxx_library, "libc++")
            && strcmp(line.cxx_library, "platform"))
            die("invalid library name in argument '-stdlib=%s': Fil-C has libc++ only", line.cxx_library);
    }
}

/* The command up to the sources. C++ is compiled with its library's headers before all others. */
static struct list compiler_command(bool cxx)
{
    struct list command = {0};
    add(&command, HOST_COMPILER);
    bool clang = !strcmp(HOST_KIND, "clang");
    if (clang) {
        if (line.cplusplus)
            add(&command, "--driver-mode=g++");
        add(&command, "--no-default-config");
        add(&command, "--target=" TRIPLE);
        add(&command, "-resource-dir");
        add(&command, compiler_headers());
        add(&command, "-nostdlibinc");
        add(&command, "-nobuiltininc"); /* it comes behind the C++ library's, see below */
        add(&command, "-fno-direct-access-external-data"); /* the user libc binds its own data to itself */
    } else {
        add(&command, "-nostdinc");
        add(&command, "-mno-direct-extern-access");
        add(&command, "-fno-lto");
    }
    add(&command, "-D__FILC__=1");
    add(&command, "-D__PIZLONATOR_WAS_HERE__=1");
    add_all(&command, &line.compile);
    bool library = cxx && !line.no_std_includes && !line.no_cxx_includes;
    const char *const folders[] = {
        library ? text("%s/include/" TRIPLE "/c++/v1", build_folder) : NULL,
        library ? cxx_headers() : NULL,
        line.no_builtin_includes ? NULL : text("%s/include", compiler_headers()),
        line.no_std_includes ? NULL : place(line.stdfil_include, "stdfil-include"),
        line.no_std_includes ? NULL : place(line.include, "include"),
        line.no_std_includes ? NULL : place(line.os_include, "os-include"),
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!folders[i])
            continue;
        if (clang) {
            add(&command, "-Xclang");
            add(&command, "-internal-isystem");
            add(&command, "-Xclang");
        } else {
            add(&command, "-isystem");
        }
        add(&command, folders[i]);
    }
    return command;
}

static void add_source(struct list *command, const struct input *input)
{
    add(command, "-x");
    add(command, input->language ? input->language : "none");
    add(command, input->path);
}

static void shape_object(const char *from, const char *to, const struct input *input)
{
    struct bytes object;
    if (!read_file(from, &object))
        die("cannot read %s: %s", from, strerror(errno));
    if (is_object(object)) {
        bool raw = line.raw_assembler && language_of(input) == ASSEMBLER;
        const char *origin = text("%s%s", base_name(input->path), raw ? " (-yolo-assembler)" : "");
        struct shape shape = {.prefix = !raw, .imports = !raw, .strict = !raw, .origin = origin};
        char *problem = NULL;
        struct bytes shaped = reshape(object, &shape, &problem);
        if (!shaped.data)
            die("%s: %s", input->path, problem);
        free(object.data);
        object = shaped;
    }
    if (!write_file(to, object))
        die("cannot write %s: %s", to, strerror(errno));
    free(object.data);
}

/* Compile one source. `output` is the object to make; `named` is the name that a user sees for it (in dependency
   files). Returns the exit status. */
static int compile_one(const struct input *input, const char *output, const char *named, const char *dependencies)
{
    struct stat status;
    bool regular = stat(output, &status) || S_ISREG(status.st_mode);
    bool beside = regular && !line.side_outputs && strcmp(output, "-") && !(scratch && starts(output, scratch));
    const char *made = beside ? text("%s.filcc-%ld", output, (long)getpid()) : output;
    if (!regular || !strcmp(output, "-"))
        made = scratch_file(base_name(input->path), ".o");
    struct list command = compiler_command(language_of(input) == CXX);
    add(&command, "-c");
    if (line.depends && !line.depends_file) {
        add(&command, "-MF");
        add(&command, dependencies);
    }
    if (line.depends && !line.depends_target) {
        add(&command, "-MQ");
        add(&command, named);
    }
    if (line.dry_run)
        add(&command, "-###");
    add(&command, "-o");
    add(&command, line.dry_run ? output : made);
    add_source(&command, input);
    if (line.dry_run)
        return run(&command, false);
    half_written = must(strdup(made));
    int failed = run(&command, false);
    if (failed) {
        unlink(made);
        half_written = NULL;
        return failed;
    }
    if (!strcmp(output, "-")) {
        shape_object(made, "/dev/stdout", input);
    } else {
        shape_object(made, strcmp(made, output) && !beside ? output : made, input);
        if (beside && rename(made, output))
            die("cannot rename %s to %s: %s", made, output, strerror(errno));
    }
    half_written = NULL;
    return 0;
}

static int compile_all(void)
{
    size_t sources = 0;
    for (size_t i = 0; i < line.input_count; i++)
        sources += line.inputs[i].path && language_of(&line.inputs[i]) != BY_NAME;
    if (!sources) {
        for (size_t i = 0; i < line.input_count; i++)
            if (line.inputs[i].path && !strcmp(line.inputs[i].path, "-"))
                die("-E or -x required when input is from standard input");
        for (size_t i = 0; i < line.input_count; i++)
            if (line.inputs[i].path && !is_file(line.inputs[i].path))
                die("no such file or directory: '%s'", line.inputs[i].path);
        for (size_t i = 0; i < line.input_count; i++)
            if (line.inputs[i].path)
                fprintf(stderr, "%s: warning: %s: 'linker' input unused\n", program, line.inputs[i].path);
        return 0;
    }
    if (line.output && sources > 1)
        die("cannot specify -o when generating multiple output files");
    int failed = 0;
    for (size_t i = 0; i < line.input_count; i++) {
        struct input *input = &line.inputs[i];
        if (!input->path || language_of(input) == BY_NAME)
            continue;
        const char *output = line.output ? line.output : is_header(input) ? text("%s.gch", input->path) : with_suffix(base_name(input->path), ".o");
        int status = compile_one(input, output, output, with_suffix(output, ".d"));
        failed = status ? status : failed;
    }
    return failed;
}

/* -E, -S, -M, -fsyntax-only and the like: nothing is an object, the compiler does it all. */
static int pass_on(void)
{
    bool cxx = false;
    for (size_t i = 0; i < line.input_count; i++)
        cxx |= line.inputs[i].path && (language_of(&line.inputs[i]) == CXX || (line.cplusplus && !line.inputs[i].language));
    struct list command = compiler_command(cxx);
    if (line.dry_run)
        add(&command, "-###");
    if (line.output) {
        add(&command, "-o");
        add(&command, line.output);
    }
    for (size_t i = 0; i < line.input_count; i++)
        if (line.inputs[i].path)
            add_source(&command, &line.inputs[i]);
    return run(&command, false);
}

/* ---- version scripts -------------------------------------------------------------------------------------------- */

static bool name_character(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_.$@*", c));
}

/* Return the path of a copy of the script in which every symbol has its prefix. As Fil-C's driver
   (PizlonateVersionScript in Gnu.cpp), this knows names, which may have `*` in them, a lone `*`, C comments and lines
   that begin with #, and stops at anything else. */
static const char *prefix_version_script(const char *path)
{
    struct bytes script;
    if (!read_file(path, &script))
        die("cannot read the version script %s: %s", path, strerror(errno));
    const char *copy = scratch_file("version", ".map");
    FILE *file = fopen(copy, "w");
    if (!file)
        die("cannot write %s: %s", copy, strerror(errno));
    int depth = 0;
    for (const char *c = (const char *)script.data; *c;) {
        if (isspace((unsigned char)*c) || *c == ';') {
            fputc(*c++, file);
        } else if (starts(c, "/*")) {
            const char *end = strstr(c + 2, "*/");
            if (!end)
                die("%s: the version script has an open comment", path);
            c = end + 2;
        } else if (*c == '#') {
            c += strcspn(c, "\n");
        } else if (*c == '{' || *c == '}') {
            depth += *c == '{' ? 1 : -1;
            fputc(*c++, file);
        } else if (*c == '*' && !name_character(c[1])) {
            fputc(*c++, file);
        } else if (name_character(*c)) {
            size_t length = 0;
            while (name_character(c[length]))
                length++;
            const char *after = c + length;
            while (isspace((unsigned char)*after))
                after++;
            bool label = depth && *after == ':'
                && ((length == 6 && starts(c, "global")) || (length == 5 && starts(c, "local")));
            if (depth && length == 6 && starts(c, "extern"))
                die("%s: Fil-C's driver does not understand `extern` blocks in a version script", path);
            if (c[length] == '?' || c[length] == '[')
                die("%s: Fil-C's driver does not understand the pattern `%.*s...` in a version script", path, (int)length + 1, c);
            fprintf(file, "%s%.*s", depth && !label ? PREFIX : "", (int)length, c);
            if (label)
                fputc(':', file);
            c = label ? after + 1 : c + length;
        } else {
            die("%s: Fil-C's driver does not understand `%c` in a version script", path, *c);
        }
    }
    if (fclose(file))
        die("cannot write %s: %s", copy, strerror(errno));
    free(script.data);
    return copy;
}

/* ---- linking ---------------------------------------------------------------------------------------------------- */

static void judge_dubious(void)
{
    /* Options that no compilation has seen yet (only objects were given) are judged by the compiler. */
    for (size_t i = 0; i < line.input_count; i++)
        if (line.inputs[i].path && language_of(&line.inputs[i]) != BY_NAME)
            return;
    if (!line.dubious.count)
        return;
    struct list command = {0};
    bool cxx = line.cplusplus;
    for (size_t i = 0; i < line.compile.count; i++)
        cxx |= starts(line.compile.items[i], "-std=") && strstr(line.compile.items[i], "++");
    add(&command, HOST_COMPILER);
    add_all(&command, &line.compile);
    add(&command, "-fsyntax-only");
    add(&command, "-w");
    add(&command, "-x");
    add(&command, cxx ? "c++" : "c");
    add(&command, "/dev/null");
    int failed = run(&command, false);
    if (failed)
        leave(failed);
}

static int link_all(void)
{
    bool program_file = !line.shared && !line.relocatable;
    judge_dubious();
    const char *linker = find_linker();
    const char *version_script = line.version_script ? prefix_version_script(line.version_script) : NULL;

    int failed = 0;
    struct list inputs = {0};
    for (size_t i = 0; i < line.input_count; i++) {
        struct input *input = &line.inputs[i];
        if (!input->path) {
            add(&inputs, input->linker);
        } else if (language_of(input) == BY_NAME) {
            if (!strcmp(input->path, "-"))
                die("-E or -x required when input is from standard input");
            if (!line.dry_run && access(input->path, F_OK))
                die("no such file or directory: '%s'", input->path);
            add(&inputs, input->path);
        } else {
            const char *object = scratch_file(base_name(input->path), ".o");
            const char *seen = line.output ? line.output : with_suffix(base_name(input->path), ".o");
            int status = compile_one(input, object, seen, with_suffix(seen, ".d"));
            failed = status ? status : failed;
            add(&inputs, object);
        }
    }
    if (failed)
        return failed;

    const char *folder = libraries();
    struct list command = {0};
    add(&command, linker);
    add(&command, "-nostdlib"); /* nothing of the host's: only the folders named here */
    add(&command, "--hash-style=both");
    add(&command, "--enable-new-dtags");
    add(&command, "-m");
    add(&command, "elf_x86_64");
    if (line.relocatable) {
        add(&command, "-r");
    } else {
        add(&command, "-z");
        add(&command, "relro");
        add(&command, "--eh-frame-hdr");
        if (line.shared) {
            add(&command, "-shared");
        } else if (line.is_static) {
            add(&command, "-static");
            add(&command, "-pie");
            add(&command, "--no-dynamic-linker");
            add(&command, "-z");
            add(&command, "text");
        } else {
            add(&command, line.no_pie ? "-no-pie" : "-pie");
            add(&command, "-dynamic-linker");
            add(&command, line.dynamic_linker ? line.dynamic_linker
                              : line.resource_dir || pizfix || !line.crt_path ? text("%s/" LOADER, place(NULL, "lib"))
                                                                             : text("%s/" LOADER, folder));
        }
    }
    if (line.strip)
        add(&command, "-s");
    if (line.export_dynamic)
        add(&command, "-export-dynamic");
    add(&command, "-o");
    add(&command, line.output ? line.output : "a.out");

    bool start_files = !line.no_start_files && !line.relocatable;
    if (start_files) {
        if (program_file)
            add(&command, find_library_file(line.is_static ? "rcrt1.o" : line.no_pie ? "crt1.o" : "Scrt1.o"));
        add(&command, find_library_file("crti.o"));
        add(&command, find_library_file("crtbegin.o"));
    }
    /* As Fil-C's driver, -r gets filc_crt.o too: whoever links the result again should have said -nostdlib. */
    if (!line.no_start_files && !line.shared)
        add(&command, find_library_file(line.no_default_libs && !line.normal_crt ? "filc_mincrt.o" : "filc_crt.o"));

    add_all(&command, &line.library_paths);
    add(&command, text("-L%s", folder));
    char *more = getenv("LIBRARY_PATH");
    if (more)
        for (char *copy = must(strdup(more)), *path; (path = strsep(&copy, ":"));)
            if (*path)
                add(&command, text("-L%s", path));
    if (version_script)
        add(&command, text("--version-script=%s", version_script));
    if (!line.relocatable && !line.is_static && !line.resource_dir && !line.dynamic_linker && !line.crt_path) {
        const char *root = pizfix ? pizfix : "/opt/fil";
        add(&command, "-rpath");
        add(&command, text("%s/lib64:%s/lib", root, root));
    }
    add_all(&command, &inputs);
    if (!line.relocatable) {
        if (line.openmp)
            add(&command, "-lomp");
        if (line.is_static && !line.shared)
            add(&command, "--start-group");
        if (line.cplusplus && !line.no_default_libs && !line.no_cxx_library) {
            bool alone = line.static_cxx_library && !line.is_static;
            if (alone)
                add(&command, "-Bstatic");
            add(&command, "-lc++");
            add(&command, "-lc++abi");
            if (alone)
                add(&command, "-Bdynamic");
            add(&command, "-lm");
        }
        if (!line.no_default_libs)
            add(&command, "-lc");
        add(&command, "-lpizlo");
        add(&command, "-lyolort");
        add(&command, "-lyoloc");
        add(&command, "-lyolom");
        if (!line.no_default_libs) {
            add(&command, "-lyolort");
            add(&command, "-lyolounwind");
        }
        if (line.is_static && !line.shared)
            add(&command, "--end-group");
    }
    if (start_files) {
        add(&command, find_library_file("crtend.o"));
        add(&command, find_library_file("crtn.o"));
    }
    if (line.dry_run) {
        print_command(&command, true);
        return 0;
    }
    failed = run(&command, line.verbose);
    if (failed)
        fprintf(stderr, "%s: error: linker command failed with exit code %d (use -v to see invocation)\n", program, failed);
    return failed;
}

int main(int argc, char **argv)
{
    program = argc ? base_name(argv[0]) : "filcc";
    struct list words = {0};
    for (int i = 0; i < argc; i++)
        if (i)
            expand(&words, argv[i], 0);
        else
            add(&words, argv[i]);
    line.cplusplus = !strcmp(program, "clang++") || !strcmp(program, "fil++") || !strcmp(program, "clang++-20");
    line.preprocess_driver = !strcmp(program, "filcpp");
    watch_signals();
    find_places();
    parse(&words);
    if (answer(&words))
        return 0;
    if (line.preprocess_driver && line.stage != PASS) {
        line.stage = PASS;
        add(&line.compile, "-E");
    }
    if (line.verbose)
        show_version(stderr);
    bool inputs = line.input_count > 0; /* for clang, a word for the linker is an input, too */
    for (size_t i = 0; i < line.input_count; i++)
        if (line.stage == LINK && line.inputs[i].path && is_header(&line.inputs[i]))
            line.stage = COMPILE; /* a header is precompiled, never linked */
    if (!inputs) {
        if (line.verbose)
            leave(0);
        die("no input files");
    }
    refuse_other_languages();
    leave(line.stage == PASS ? pass_on() : line.stage == COMPILE ? compile_all() : link_all());
}
