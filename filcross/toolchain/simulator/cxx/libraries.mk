# Compiles LLVM's C++ libraries for the simulator into three archives, whose symbols are prefixed afterwards.
#
# Run in a folder with these links: sources (holds libcxx, libcxxabi, libunwind), include (the folders that the
# simulator has as build/include), compiler-headers, musl-headers, os-include. Set on the command line: CC, AR.
.SUFFIXES:
.DELETE_ON_ERROR:

unwind := libunwind.cpp UnwindLevel1.c UnwindLevel1-gcc-ext.c UnwindRegistersRestore.S UnwindRegistersSave.S
unwind := $(unwind:%=sources/libunwind/src/%)
abi := $(filter-out %/cxa_noexception.cpp, $(wildcard sources/libcxxabi/src/*.cpp))
# libc++abi has operator new and delete, so that it stands alone.
library := $(filter-out %/src/new.cpp, $(wildcard $(addprefix sources/libcxx/src/, *.cpp filesystem/*.cpp ryu/*.cpp)))
objects = $(patsubst sources/%, objects/%.o, $(1))

common := -c -O1 -fPIC -w -nostdinc -fno-direct-access-external-data -ffunction-sections -fdata-sections \
  -D__FILC__=1 -D__PIZLONATOR_WAS_HERE__=1 -DNDEBUG
system := -isystem compiler-headers -isystem musl-headers -isystem os-include
headers := -isystem include/x86_64-unknown-linux-gnu/c++/v1 -isystem include/c++/v1 $(system)
hidden := -fvisibility=hidden -fvisibility-inlines-hidden
libraries := -nostdinc++ -fstrict-aliasing $(hidden) -D_LIBCPP_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI \
  -Isources/libcxxabi/include -Isources/libcxx/src

all: libunwind.a libc++abi.a libc++.a libpersonality.a
libunwind.a: $(call objects, $(unwind))
libc++abi.a: $(call objects, $(abi))
libc++.a: $(call objects, $(library))
libpersonality.a: $(call objects, sources/libunwind/src/gcc_personality_v0.c)
%.a:
	$(AR) rcsD $@ $^

objects/libcxx/%.cpp.o: sources/libcxx/%.cpp
	@mkdir -p $(@D)
	$(CC) $(common) -std=c++23 $(libraries) -D_LIBCPP_REMOVE_TRANSITIVE_INCLUDES $(headers) -o $@ $<

objects/libcxxabi/%.cpp.o: sources/libcxxabi/%.cpp
	@mkdir -p $(@D)
	$(CC) $(common) -std=c++23 $(libraries) -D_LIBCXXABI_BUILDING_LIBRARY \
	  -D_LIBCPP_ENABLE_CXX17_REMOVED_UNEXPECTED_FUNCTIONS $(headers) -o $@ $<

unwinder := -funwind-tables -D_LIBUNWIND_IS_NATIVE_ONLY -Isources/libunwind/include
objects/libunwind/%.cpp.o: sources/libunwind/%.cpp
	@mkdir -p $(@D)
	$(CC) $(common) -std=c++17 -nostdinc++ -fno-exceptions -fno-rtti $(unwinder) $(hidden) $(headers) -o $@ $<

objects/libunwind/%.c.o: sources/libunwind/%.c
	@mkdir -p $(@D)
	$(CC) $(common) -std=c11 -fexceptions $(unwinder) $(system) -o $@ $<

objects/libunwind/%.S.o: sources/libunwind/%.S
	@mkdir -p $(@D)
	$(CC) $(common) -o $@ $<
