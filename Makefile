# Rubeam: see `make help` for the targets.
#
# Variables that are respected, all optional:
#   CC, CFLAGS, LDFLAGS   the compiler, its optimisation (-O2 -g), what is added to each link
#   ERTS_INCLUDE_DIR      the folder of erl_driver.h; else ERLANG_ROOT_DIR is looked into; else erl is asked
#   ERL_EI_INCLUDE_DIR, ERL_EI_LIBDIR    the folders of ei.h and libei.a, found in the same way
#   MIX_APP_PATH          where mix wants the result: $(MIX_APP_PATH)/priv instead of priv
#   MRUBY_SRC             a source tree of mruby to use instead of the pinned release
#   VARIANT               default, asan, tsan, gcstress, valgrind, points: see "Variants"
#   ONLY                  unit: only test/unit/test_$(ONLY).c;  ct: only test/erlang/$(ONLY)_SUITE.erl;
#                         fuzz: only test/fuzz/fuzz_$(ONLY).c
#   V=1                   show the commands
#
# The first target is what the hooks of rebar3 and mix call. It installs nothing: what it misses, it
# names. Each of the others installs what it needs first (driver/setup/packages.sh).
#
# Everything that is built goes to build/, but for the library itself, which goes to priv/.

.PHONY: driver setup run shell erl test unit ct proper elixir package terminal points stress bench fuzz fuzz-run \
  asan tsan valgrind check check-format check-warnings check-tidy check-cppcheck check-shell \
  check-dialyzer check-xref format docs clean distclean help packages app objects
driver:

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
Q := $(if $(filter 1,$(V)),,@)
comma := ,
say = @printf '  %-8s %s\n' $(1) $(2)

# --- Variants: how the C is built, and with which build of mruby --------------------------------

VARIANT ?= default
CFLAGS ?= -O2 -g
ASAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

FLAGS_default =
FLAGS_asan = -O1 $(ASAN)
FLAGS_tsan = -O1 -fsanitize=thread -fno-omit-frame-pointer
FLAGS_gcstress =
FLAGS_valgrind =
# Points where the tests can hold a job: driver/test_points.h
FLAGS_points = -DRUBEAM_TEST_POINTS
# No result to run, only warnings: the checks build these
FLAGS_gcc = -Werror
FLAGS_clang = -Werror
FLAGS_fuzz = -O1 -fsanitize=fuzzer-no-link $(ASAN)
MRUBY_OF_valgrind = default
MRUBY_OF_points = default
MRUBY_OF_gcc = default
MRUBY_OF_clang = default
CC_gcc = gcc
CC_clang = clang
CC_fuzz = clang

$(if $(filter undefined,$(origin FLAGS_$(VARIANT))),$(error there is no VARIANT $(VARIANT)))
COMPILER = $(or $(CC_$(VARIANT)),$(CC))

OUT := build/$(VARIANT)
LOGS := build/logs
MRUBY_VARIANT := $(or $(MRUBY_OF_$(VARIANT)),$(VARIANT))
MRUBY := build/mruby/$(MRUBY_VARIANT)
MRUBY_LIB := $(MRUBY)/lib/libmruby.a
MRUBY_MADE := $(MRUBY)/recipe
YYJSON_VERSION := 0.10.0
YYJSON := build/yyjson-$(YYJSON_VERSION)
YYJSON_MADE := $(YYJSON)/.complete
# The engine of regular expressions: driver/regexp.h
ONIG_SOURCE := build/oniguruma-6.9.9
ONIG_MADE := $(ONIG_SOURCE)/.corrected
ONIG := build/oniguruma/$(MRUBY_VARIANT)

# Another build than the default never lands in priv/.
ifneq ($(VARIANT),default)
  PRIV := $(OUT)/priv
else ifneq (,$(MIX_APP_PATH))
  PRIV := $(MIX_APP_PATH)/priv
else
  PRIV := priv
endif
DRIVER := $(PRIV)/rubeam_drv.so
PROGRAM := $(PRIV)/rubeam_port

# --- Erlang: asked once, and only by a recipe that needs it (it may just have been installed) ------

erl_says = $(or $(shell erl -noinput -eval 'io:put_chars($(1)), halt().'),$(error erl does not answer))
once = $(eval $(1) := $(2))$($(1))
ROOT = $(call once,ROOT,$(or $(ERLANG_ROOT_DIR),$(call erl_says,code:root_dir())))
EI = $(call once,EI,$(or $(lastword $(sort $(wildcard $(ROOT)/lib/erl_interface-*))),$(call erl_says,code:lib_dir(erl_interface))))
ERTS_INCLUDE = $(or $(ERTS_INCLUDE_DIR),$(ROOT)/usr/include)
EI_INCLUDE = $(or $(ERL_EI_INCLUDE_DIR),$(EI)/include)
EI_LIB = $(or $(ERL_EI_LIBDIR),$(EI)/lib)

# --- Sources: the core knows nothing of where it runs, the transports do -----------------------------

DRIVER_SOURCES := driver/rubeam_drv.c driver/drv_send.c driver/drv_info.c
PORT_SOURCES := driver/rubeam_port.c driver/port_out.c driver/port_limits.c driver/port_run.c
TRANSPORTS := $(DRIVER_SOURCES) $(PORT_SOURCES)
CORE_SOURCES := $(filter-out $(TRANSPORTS),$(sort $(wildcard driver/*.c)))
CORE := $(CORE_SOURCES:%.c=$(OUT)/%.o)
FAULTS := $(if $(filter points,$(VARIANT)),test/points/faults.c)
CORE_LIB := $(OUT)/librubeam.a

# --- Flags -----------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wvla \
  -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wcast-qual -Wformat=2 \
  -Werror=implicit-function-declaration
INCLUDES = -Idriver -isystem $(MRUBY)/include -isystem $(YYJSON)/src -isystem $(ONIG_SOURCE)/src \
  -isystem $(ERTS_INCLUDE) -isystem $(EI_INCLUDE)
LANGUAGE = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden
COMPILE = $(COMPILER) $(CFLAGS) $(FLAGS_$(VARIANT)) $(LANGUAGE) $(WARNINGS) $(INCLUDES) $(CPPFLAGS)
# Each __wrap_NAME in a file of the core takes the place of NAME, in mruby too: abort() must end the
# interpreter and not the VM, and nothing may be written to the VM's stdout or stderr.
WRAPPED := $(sort $(patsubst __wrap_%,%,$(shell grep -oh '__wrap_[a-z_]*' $(CORE_SOURCES) $(FAULTS) /dev/null)))
WRAP := $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))
LINK = $(COMPILER) $(CFLAGS) $(FLAGS_$(VARIANT)) $(LDFLAGS) $(WRAP)
# mruby's code in a section of its own: driver/preempt.c must know where it begins and ends. yyjson's is
# there too: like mruby's it holds no lock, and a large text keeps it busy for long.
MRUBY_MARKED := $(OUT)/libmruby.a
YYJSON_OBJECT := $(OUT)/yyjson.o
# _setjmp looks after the stack first (driver/checked_setjmp.c); exit() would end the VM, and abort() is
# already made the interpreter's end, as is an assertion of mruby's that fails (driver/fault.c).
MRUBY_RENAMED = --redefine-sym exit=abort --redefine-sym __assert_fail=rubeam_assert_fail \
  $(if $(filter x86_64 aarch64,$(shell uname -m)),--redefine-sym _setjmp=rubeam_setjmp)
# Oniguruma in the same section, for the same reason; what it allocates is the interpreter's (driver/regexp.c).
ONIG_MARKED := $(OUT)/liboniguruma.a
ONIG_RENAMED = $(foreach name,malloc realloc calloc free,--redefine-sym $(name)=regexp_$(name))
LIBS = $(MRUBY_MARKED) $(ONIG_MARKED) -L$(EI_LIB) -lei -lpthread -lm
# The two need each other: mruby calls what is wrapped.
CORE_AND_LIBS = -Wl,--start-group $(CORE_LIB) $(LIBS) -Wl,--end-group

# --- The driver ------------------------------------------------------------------------------------


# The Ruby program of the transport `cruby` stands in priv/: it is copied where the application's priv is elsewhere.
RUBY_FILES := $(wildcard priv/*.rb priv/rubeam/*.rb)
RUBY_COPIES := $(if $(filter-out priv,$(PRIV)),$(RUBY_FILES:priv/%=$(PRIV)/%))

driver: $(DRIVER) $(if $(filter points,$(VARIANT)),,$(PROGRAM)) $(RUBY_COPIES)

$(RUBY_COPIES): $(PRIV)/%: priv/%
	$(call say,COPY,$@)
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@

$(DRIVER): $(DRIVER_SOURCES:%.c=$(OUT)/%.o) $(CORE) $(FAULTS:%.c=$(OUT)/%.o) $(MRUBY_MARKED) $(ONIG_MARKED) driver/setup/exports.map
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -shared -o $@.new $(filter %.o,$^) $(LIBS) -Wl,--exclude-libs,ALL \
	  -Wl,--version-script=driver/setup/exports.map -Wl,-z,now,-z,relro
	$(Q)test "$$(nm -D --defined-only $@.new | sed 's/.* //')" = driver_init || \
	  { echo "$@ exports other symbols than driver_init" >&2; exit 1; }
	$(Q)size -A $@.new | awk '$$1 == "mruby_text" && $$2 > 200000 { found = 1 } END { exit !found }' || \
	  { echo "$@: mruby's code is not in one section; is it built with -ffunction-sections?" >&2; exit 1; }
	$(Q)mv -f $@.new $@ # never written in place: a VM may have it mapped

$(PROGRAM): $(PORT_SOURCES:%.c=$(OUT)/%.o) $(CORE_LIB) $(FAULTS:%.c=$(OUT)/%.o) $(MRUBY_MARKED) $(ONIG_MARKED)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -pie -o $@.new $(filter %.o,$^) $(CORE_AND_LIBS) -Wl,-z,now,-z,relro
	$(Q)mv -f $@.new $@

$(MRUBY_MARKED): $(MRUBY_MADE) $(YYJSON_OBJECT) Makefile
	$(call say,MARK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)objcopy --rename-section .text=mruby_text $(MRUBY_RENAMED) $(MRUBY_LIB) $@
	$(Q)$(AR) rs $@ $(YYJSON_OBJECT)

$(YYJSON_OBJECT): $(YYJSON_MADE) Makefile | packages
	$(call say,CC,$(YYJSON)/src/yyjson.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILER) $(CFLAGS) $(FLAGS_$(VARIANT)) -std=c11 -fPIC -fvisibility=hidden -w \
	  -DYYJSON_DISABLE_UTILS=1 -c -o $@ $(YYJSON)/src/yyjson.c
	$(Q)objcopy --rename-section .text=mruby_text $@

ONIG_FILES := regparse regcomp regexec regenc regerror regext regsyntax regversion st unicode \
  unicode_unfold_key unicode_fold1_key unicode_fold2_key unicode_fold3_key utf8 ascii
ONIG_COMPILE = $(or $(CC_$(MRUBY_VARIANT)),$(CC)) $(CFLAGS) $(FLAGS_$(MRUBY_VARIANT)) -std=gnu11 -fPIC \
  -fvisibility=hidden -w -c

$(ONIG)/%.o: $(ONIG_MADE) | packages
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(ONIG_COMPILE) -o $@ $(ONIG_SOURCE)/src/$*.c

.SECONDARY: $(ONIG_FILES:%=$(ONIG)/%.o)
$(ONIG_MARKED): $(ONIG_FILES:%=$(ONIG)/%.o) Makefile
	$(call say,MARK,$@)
	$(Q)mkdir -p $(@D) && rm -f $@ $@.new
	$(Q)$(AR) rcs $@.new $(filter %.o,$^)
	$(Q)objcopy --rename-section .text=mruby_text $(ONIG_RENAMED) $@.new $@ && rm -f $@.new

$(OUT)/%.o: %.c $(MRUBY_MADE) $(YYJSON_MADE) $(ONIG_MADE) | packages
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# Which build of mruby this is: ruby_bytecode.c puts it into bytecode.
$(OUT)/driver/ruby_bytecode.o check-tidy: $(MRUBY)/include/rubeam_build.h
$(MRUBY)/include/rubeam_build.h: $(MRUBY_MADE) | packages
	$(Q)printf '#define RUBEAM_MRUBY_BUILD UINT64_C(0x%s)\n' "$$(sha256sum $< | cut -c 1-16)" >$@.new
	$(Q)mv -f $@.new $@

$(CORE_LIB): $(CORE)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

-include $(wildcard $(OUT)/driver/*.d $(OUT)/test/unit/*.d)

# --- Set-up ----------------------------------------------------------------------------------------

# What each target needs beside what a build needs
PACKAGES_setup := test
PACKAGES_test := test
PACKAGES_unit := test
PACKAGES_ct := test
PACKAGES_terminal := test
PACKAGES_proper := test
PACKAGES_elixir := test
PACKAGES_package := test
PACKAGES_asan := test
PACKAGES_tsan := test
PACKAGES_valgrind := test check
PACKAGES_check := test check
PACKAGES_check-warnings := test check
PACKAGES_objects := test check
PACKAGES_format := check
PACKAGES_docs := check
PACKAGES_bench := bench
PACKAGES_fuzz := fuzz
PACKAGES_fuzz-run := fuzz
GOALS := $(or $(MAKECMDGOALS),driver)
INSTALL := $(if $(filter-out driver app,$(GOALS)),,--check)

packages:
	$(Q)driver/setup/packages.sh $(INSTALL) build \
	  $(sort $(foreach goal,$(GOALS),$(PACKAGES_$(goal))) $(if $(filter check-%,$(GOALS)),check))

# Run each time, and quick when all is there. The file changes only when mruby was built anew.
$(MRUBY_MADE): packages
	$(Q)driver/setup/mruby.sh $(MRUBY_VARIANT)

# Debian's tarball is upstream's without some files that are not for reading; the second sum is upstream's.
$(YYJSON_MADE): Makefile | packages
	$(Q)driver/setup/fetch.sh name=yyjson version=$(YYJSON_VERSION) suite=trixie \
	  tarball=yyjson_$(YYJSON_VERSION)+ds.orig.tar.xz home=https://github.com/ibireme/yyjson \
	  sha256=ae6fde69a193e10afab426ef13f113d6903446405f9db9ee98bfb572bd6c961a,$(strip \
	  )0d901cb2c45c5586e3f3a4245e58c2252d6b24bf4b402723f6179523d389b165
	$(Q)touch $@

$(ONIG_MADE): packages
	$(Q)driver/setup/oniguruma.sh

setup: packages $(MRUBY_MADE) $(YYJSON_MADE) $(ONIG_MADE)

# --- The application -------------------------------------------------------------------------------

EBIN := build/ebin
ERLC := erlc +debug_info +warnings_as_errors +warn_missing_spec +warn_export_vars +warn_unused_import
# Sanitizers live in the program, not in a library it loads: they are loaded before erl starts.
PRELOAD_asan = LD_PRELOAD=$(shell $(CC) -print-file-name=libasan.so) ASAN_OPTIONS=$(or $(ASAN_OPTIONS),detect_leaks=0)
PRELOAD_tsan = LD_PRELOAD=$(shell $(CC) -print-file-name=libtsan.so)
# How long a run of one kind of tests may take, in seconds; test/*.sh have the usual limits.
LIMIT_asan = TIME_LIMIT=3600
RUN_ENV = RUBEAM_PRIV=$(abspath $(PRIV)) ERL_CRASH_DUMP=$(abspath $(LOGS))/erl_crash.dump \
  $(LIMIT_$(VARIANT)) $(PRELOAD_$(VARIANT))
# Absolute: who changes the folder (Common Test does) shall still find the code.
ERL = $(RUN_ENV) erl -pa $(abspath $(EBIN))

app: $(EBIN)/rubeam.app

# The folder is named too: its time changes when a module comes or goes.
$(EBIN)/rubeam.app: erlang $(wildcard erlang/*) | packages
	$(call say,ERLC,erlang/)
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)$(ERLC) -o $(@D) erlang/*.erl
	$(Q)modules=$$(cd erlang && ls *.erl | sed 's/\.erl$$//' | paste -sd, -) && \
	  sed "s/{modules, *\[\]}/{modules, [$$modules]}/" erlang/rubeam.app.src > $@

# A folder of test programs in Erlang, with the data of Common Test's suites
.SECONDEXPANSION:
build/test/%/.made: test/% $$(wildcard test/$$*/* test/$$*/*/*) $(EBIN)/rubeam.app
	$(call say,ERLC,$<)
	$(Q)test -n "$$(ls $</*.erl 2>/dev/null)" || { echo "there is no Erlang in $<: nothing to run" >&2; exit 1; }
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)erlc +debug_info +nowarn_export_all -pa $(EBIN) -I erlang -I $< -o $(@D) $</*.erl
	$(Q)for data in $</*_data; do if [ -d "$$data" ]; then cp -r "$$data" $(@D)/; fi; done
	$(Q)touch $@

run: driver build/test/session/.made
	$(Q)$(ERL) -pa $(abspath build/test/session) -noinput -eval 'session:main()' -s init stop

# +Bc: Ctrl-C interrupts what runs, instead of opening the menu of the VM.
shell: driver app
	$(Q)if test -t 0 && test -t 1 && test "$${TERM:-dumb}" != dumb; then \
	  $(ERL) +Bc -noinput -eval 'rubeam_shell:main(terminal)'; else \
	  $(ERL) +Bc -noshell -eval 'rubeam_shell:main(pipe)'; fi

erl: driver app
	$(Q)$(ERL) -eval 'application:ensure_all_started(rubeam)'

# --- Tests. Each kind leaves its counts in build/logs/KIND.count and fails if it ran none ----------

KINDS := unit ct-threads ct-async proper elixir package terminal

test: packages
	$(Q)mkdir -p $(LOGS) && rm -f $(LOGS)/*.count
	$(Q)for kind in unit ct proper elixir package terminal; do $(MAKE) $$kind || true; done
	$(Q)test/summary.sh $(LOGS) $(KINDS)

UNIT_TESTS := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard test/unit/test_$(or $(ONLY),*).c)))
UNIT_HELPERS := $(patsubst %.c,$(OUT)/%.o,$(filter-out test/unit/test_%.c,$(wildcard test/unit/*.c)))
UNIT_NAME := unit$(if $(filter-out default,$(VARIANT)),-$(VARIANT))
# A frame may be as large as a stack: else valgrind takes it for a switch to another one.
UNIT_WRAPPER_valgrind := valgrind -q --error-exitcode=99 --max-stackframe=8388608 --leak-check=full \
  --show-leak-kinds=definite --errors-for-leak-kinds=definite

unit: $(UNIT_TESTS)
	$(Q)WRAPPER="$(UNIT_WRAPPER_$(VARIANT))" test/unit.sh $(LOGS) $(UNIT_NAME) $^

.SECONDARY: $(UNIT_TESTS:%=%.o) $(UNIT_HELPERS)
# What rubeam_port is made of, but for its main()
$(filter $(OUT)/test/unit/test_port_%,$(UNIT_TESTS)): $(patsubst %.c,$(OUT)/%.o,$(filter-out driver/rubeam_port.c,$(PORT_SOURCES)))
$(UNIT_TESTS): $(OUT)/test/unit/%: $(OUT)/test/unit/%.o $(UNIT_HELPERS) $(CORE_LIB) $(MRUBY_MARKED) $(ONIG_MARKED)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(CORE_AND_LIBS) -lcmocka

valgrind:
	$(Q)$(MAKE) unit VARIANT=valgrind

tsan:
	$(Q)$(MAKE) unit VARIANT=tsan

# The unit tests, the Erlang suites (with the short form of each load) and the properties, with the driver
# built for the sanitizers
asan:
	$(Q)failed=; for kind in unit ct proper; do \
	  $(MAKE) $$kind VARIANT=asan || failed=1; done; test -z "$$failed"

# Each suite with both forms of the pool
ct: driver build/test/erlang/.made build/test/support/.made
	$(Q)failed=; \
	RUBEAM_POOL=threads $(RUN_ENV) test/ct.sh $(LOGS) ct-threads "$(ONLY)" || failed=1; \
	RUBEAM_POOL=async $(RUN_ENV) test/ct.sh $(LOGS) ct-async "$(ONLY)" +A 4 || failed=1; \
	test -z "$$failed"

proper: driver build/test/erlang/.made build/test/support/.made
	$(Q)$(RUN_ENV) test/proper.sh $(LOGS)

elixir: driver app
	$(Q)$(RUN_ENV) test/elixir.sh $(LOGS)

# As a dependency of projects of rebar3 and mix
package: driver
	$(Q)test/package.sh $(LOGS)

# The Ruby prompt in a real terminal, which tmux is
terminal: driver app
	$(Q)test/terminal.sh $(LOGS)

# --- Stress, benchmarks, fuzzing: programs whose main/0 returns ok or halts with another status -------

# Each load has a deadline of its own, but a VM whose schedulers hang cannot keep it.
STRESS = timeout -k 10 3600 env $(ERL) -pa $(abspath build/test/stress) -noinput -eval 'stress:main()' -s init stop

# Both forms of the pool, on all cores and on one: an hour and a half. ONLY names one load.
stress: driver build/test/stress/.made
	$(Q)start=$$(date +%s); failed=; for schedulers in '' '+S 1'; do \
	  RUBEAM_POOL=threads $(STRESS) $$schedulers || failed=1; \
	  RUBEAM_POOL=async $(STRESS) +A 4 $$schedulers || failed=1; done; \
	echo "took $$((($$(date +%s) - start) / 60)) minutes"; test -z "$$failed"

# mruby alone is built as a program would embed it, without our flags; the core as for a unit test.
PLAIN := build/mruby/plain
PLAIN_TESTS := build/test/mruby/plain_tests

# stress_SUITE runs the short form of each, and prop_requests shares a model with them; phases_SUITE and
# faults_SUITE want a driver with points, mruby_SUITE the same tests in mruby alone.
ct proper: build/test/stress/.made
ct: $(PLAIN_TESTS) points
points:
	$(Q)$(MAKE) driver VARIANT=points

BENCH := build/bench
BENCH_CC = mkdir -p $(@D) && $(CC) -O2 -std=gnu11 $< -o $@

bench: driver build/test/bench/.made $(addprefix $(BENCH)/,null_drv.so echo mruby_alone core_bench)
	$(Q)RUBEAM_BENCH=$(abspath $(BENCH)) $(ERL) -pa $(abspath build/test/bench) -noinput -eval 'bench:main()' \
	  -s init stop

$(PLAIN)/recipe: packages
	$(Q)driver/setup/mruby.sh plain

$(BENCH)/null_drv.so: test/bench/null_drv.c | packages
	$(call say,CC,$<)
	$(Q)$(BENCH_CC) -shared -fPIC -isystem $(ERTS_INCLUDE)

$(BENCH)/echo: test/bench/echo.c | packages
	$(call say,CC,$<)
	$(Q)$(BENCH_CC)

$(BENCH)/mruby_alone: test/bench/mruby_alone.c $(PLAIN)/recipe
	$(call say,CC,$<)
	$(Q)$(BENCH_CC) -isystem $(PLAIN)/include $(PLAIN)/lib/libmruby.a -lm

# What mruby_SUITE compares with
$(PLAIN_TESTS): test/mruby/plain_tests.c $(PLAIN)/recipe
	$(call say,CC,$<)
	$(Q)$(BENCH_CC) -isystem $(PLAIN)/include $(PLAIN)/lib/libmruby.a -lm

$(BENCH)/core_bench: $(OUT)/test/bench/core_bench.o $(CORE_LIB) $(MRUBY_MARKED) $(ONIG_MARKED)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(CORE_AND_LIBS)

-include $(wildcard $(OUT)/test/bench/*.d)

# Each test/fuzz/fuzz_*.c is a libFuzzer program (clang), the other files there are linked to each.
# T is in seconds, for each of them. What is found goes to build/fuzz/found.
FUZZERS := $(patsubst %.c,$(OUT)/%,$(wildcard test/fuzz/fuzz_$(or $(ONLY),*).c))
FUZZ_HELPERS := $(patsubst %.c,$(OUT)/%.o,$(filter-out test/fuzz/fuzz_%.c,$(wildcard test/fuzz/*.c)))
T ?= 60
FUZZ_DIR := build/fuzz/found
# -detect_leaks=0: not after each input, of which the garbage waits for a later one, but still at the end.
# -entropic=0: its bookkeeping takes longer than most inputs.
FUZZ_ARGS = -detect_leaks=0 -entropic=0 -timeout=20 -print_final_stats=1
FUZZ_ARGS_frames = -max_len=200
FUZZ_ARGS_requests = -max_len=300
FUZZ_ARGS_terms = -max_len=120
FUZZ_ARGS_values = -max_len=200
FUZZ_ARGS_protocol = -max_len=200
FUZZ_ARGS_calls = -max_len=400
FUZZ_ARGS_ruby = -max_len=1000 -dict=test/fuzz/ruby.dict
# Scripts that were hostile once are good ones to begin with.
FUZZ_SEEDS_ruby = test/hostile

fuzz:
	$(Q)$(MAKE) fuzz-run VARIANT=fuzz

fuzz-run: $(FUZZERS)
	$(Q)test -n "$^" || { echo "there is no test/fuzz/fuzz_*.c: nothing to run" >&2; exit 1; }
	$(Q)mkdir -p $(FUZZERS:$(OUT)/test/fuzz/%=$(FUZZ_DIR)/%)
	$(Q)$(foreach program,$^,$(call fuzz_one,$(program),$(notdir $(program)),$(program:$(OUT)/test/fuzz/fuzz_%=%)) &&) true

fuzz_one = $(1) -max_total_time=$(T) -artifact_prefix=$(FUZZ_DIR)/$(2)- $(FUZZ_ARGS) $(FUZZ_ARGS_$(3)) \
  $(FUZZ_DIR)/$(2) $(wildcard test/fuzz/seeds/$(2)) $(FUZZ_SEEDS_$(3))

# Fuzzers of what needs no Ruby are linked without it: counters of code that never runs take time.
FUZZ_CORE_frames = $(CORE_LIB)
FUZZ_CORE_requests = $(CORE_LIB)

# The core and mruby in one object, with their calls to what is wrapped turned already: in the link of the
# program --wrap would turn those of libFuzzer as well, which writes what it finds with fwrite. clang gives
# each function with counters a section of its own; mruby's become one again, as preempt.c wants them.
FUZZ_CORE := $(OUT)/test/fuzz/core.o
$(FUZZ_CORE): $(CORE_LIB) $(MRUBY_MARKED) $(ONIG_MARKED) test/fuzz/mruby_text.ld
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_JOIN) -Wl,--wrap=memcmp,--force-group-allocation,-T,test/fuzz/mruby_text.ld -o $(@D)/mruby.o \
	  $(filter %--wrap=mrb_gv_get %--wrap=mrb_gv_set,$(WRAP)) -Wl,--whole-archive $(MRUBY_MARKED) $(ONIG_MARKED)
	$(Q)$(FUZZ_JOIN) $(WRAP) -o $@ $(@D)/mruby.o -Wl,--whole-archive $(CORE_LIB)
FUZZ_JOIN = $(COMPILER) -r -nostdlib

# Each takes what it calls out of the helpers.
FUZZ_LIB := $(OUT)/test/fuzz/libfuzz.a
$(FUZZ_LIB): $(FUZZ_HELPERS)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

.SECONDARY: $(FUZZERS:%=%.o) $(FUZZ_HELPERS)
$(FUZZERS): $(OUT)/test/fuzz/%: $(OUT)/test/fuzz/%.o $(FUZZ_LIB) $(CORE_LIB) $(FUZZ_CORE)
	$(call say,LINK,$@)
	$(Q)$(COMPILER) $(CFLAGS) $(FLAGS_$(VARIANT)) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< \
	  $(or $(FUZZ_CORE_$(@F:fuzz_%=%)),$(FUZZ_CORE)) $(FUZZ_LIB) -lpthread -lm

-include $(wildcard $(OUT)/test/fuzz/*.d)

# --- Checks ----------------------------------------------------------------------------------------

CHECKS := format warnings tidy cppcheck shell dialyzer xref
C_FILES := $(wildcard driver/*.[ch] test/unit/*.[ch] test/fuzz/*.[ch] test/bench/*.c test/mruby/*.c \
  test/points/*.c)

check: packages
	$(Q)failed=; \
	for check in $(CHECKS:%=check-%) docs valgrind tsan asan; do \
	  echo "== $$check"; $(MAKE) $$check || failed="$$failed $$check"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi; echo "all checks passed"

check-format: packages
	$(Q)clang-format --dry-run -Werror $(C_FILES)

format: packages
	$(Q)clang-format -i $(C_FILES)

# Every file, by both compilers, and every header by itself
check-warnings:
	$(Q)failed=; for compiler in gcc clang; do \
	  $(MAKE) -k objects VARIANT=$$compiler || failed=1; done; test -z "$$failed"

objects: $(CORE) $(patsubst %.c,$(OUT)/%.o,$(wildcard $(TRANSPORTS) test/unit/*.c test/fuzz/*.c test/bench/*.c \
  test/mruby/*.c test/points/*.c))
	$(Q)failed=; for header in $(wildcard driver/*.h test/unit/*.h test/fuzz/*.h); do \
	  printf '#include "%s"\nstruct nothing;\n' $$header | $(COMPILE) -I. -fsyntax-only -x c - || failed=1; \
	done; test -z "$$failed"

# One file at a time: what clang-tidy 14 finds in one depends on those before it. What it counts on
# stderr ("27 warnings generated") are those of other people's headers.
check-tidy: packages $(MRUBY_MADE) $(YYJSON_MADE) $(ONIG_MADE)
	$(Q)mkdir -p $(LOGS)
	$(Q)printf '%s\n' $(CORE_SOURCES) $(wildcard $(TRANSPORTS)) | xargs -n 1 -P $$(nproc) sh -c \
	  'clang-tidy --quiet "$$0" -- $(LANGUAGE) $(INCLUDES) 2>>$(LOGS)/tidy.log'

check-cppcheck: packages
	$(Q)cppcheck --quiet --std=c11 --enable=warning,style,performance,portability --inline-suppr \
	  --error-exitcode=1 --suppressions-list=driver/setup/cppcheck.txt -Idriver driver

check-shell: packages
	$(Q)shellcheck driver/setup/*.sh test/*.sh .ci/run

PLT := build/otp.plt

check-dialyzer: app $(PLT)
	$(Q)dialyzer --quiet --plt $(PLT) -Wunmatched_returns -Wextra_return -Wmissing_return -r $(EBIN)

$(PLT): | packages
	$(call say,PLT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)dialyzer --quiet --build_plt --output_plt $@ --apps erts kernel stdlib

check-xref: app build/test/support/.made
	$(Q)$(CHECKS_ERL) -eval 'checks:xref("$(EBIN)")'

CHECKS_ERL = $(ERL) -noinput -pa $(abspath build/test/support)

# --- Documentation ---------------------------------------------------------------------------------

# Pages, and chunks for h(rubeam) in `make erl`. What EDoc only warns of is an error here.
docs: app build/test/support/.made
	$(Q)rm -rf build/doc && mkdir -p build/doc $(LOGS)
	$(Q)$(CHECKS_ERL) -eval 'checks:docs("erlang", "build/doc")' >$(LOGS)/docs.log 2>&1 && \
	  test ! -s $(LOGS)/docs.log || { cat $(LOGS)/docs.log; exit 1; }
	$(call say,DOC,build/doc/index.html)

# --- The rest --------------------------------------------------------------------------------------

clean:
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name download ! -name 'mruby*' ! -name 'yyjson*' \
	  ! -name 'oniguruma*' ! -name otp.plt \
	  -exec rm -rf {} + 2>/dev/null || true
	$(Q)rm -f priv/*.so priv/rubeam_port erl_crash.dump

distclean: clean
	$(Q)rm -rf build _build

help:
	@echo 'make [driver]   build the driver: priv/rubeam_drv.so (what rebar3 and mix call)'
	@echo 'make setup      install what is missing, fetch mruby and Oniguruma, build mruby'
	@echo 'make run        the session that shows what Rubeam does'
	@echo 'make shell      a Ruby prompt; make erl: an Erlang shell with the application started'
	@echo 'make test       all tests: unit, ct, proper, elixir, package, terminal; each is a target too'
	@echo 'make stress     the long ones'
	@echo 'make bench      measure, beside mruby alone and a Ruby program on a port'
	@echo 'make fuzz       libFuzzer, T seconds each'
	@echo 'make asan       unit tests and Erlang suites under AddressSanitizer and UBSan'
	@echo 'make valgrind   unit tests under valgrind; make tsan: under ThreadSanitizer'
	@echo 'make check      formatting, warnings of two compilers, linters, dialyzer, xref, docs,'
	@echo '                valgrind, sanitizers; check-format, check-tidy … alone'
	@echo 'make format     clang-format'
	@echo 'make docs       EDoc into build/doc'
	@echo 'make clean      remove what was built, but for mruby; distclean: that too'
	@echo 'Variables: see the top of the Makefile. V=1 shows the commands.'
