# How Rubeam's mruby is built. mruby.sh runs mruby's own rake with this file, once for each variant.
#
# What is in and what is out is decided here alone. A gem may be in when it is computation only: no
# files, no sockets, no processes, no signals, no output, nothing that blocks a thread, because
# all of those would belong to the Erlang VM that the library lives in. Left out for that: mruby-io,
# -socket, -dir, -process, -exit (its exit ends the VM), -signal, -sleep, -task (takes SIGALRM),
# -print (writes to stdout), -os-memsize (reads through null pointers: a fiber or a proc that was
# allocated and not initialized), and every program but mrbc, which the build itself needs.
# What Ruby should still find of them (puts, exit, sleep …) is written anew in the driver.

MRuby::Lockfile.disable # it would write a .lock beside this file, in our tree

GEMS = %w[
  mruby-compiler mruby-error mruby-eval
  mruby-compar-ext mruby-enum-ext mruby-string-ext mruby-numeric-ext mruby-array-ext mruby-hash-ext
  mruby-range-ext mruby-proc-ext mruby-symbol-ext mruby-object-ext mruby-toplevel-ext
  mruby-kernel-ext mruby-class-ext
  mruby-objectspace mruby-metaprog mruby-method mruby-binding mruby-proc-binding
  mruby-catch mruby-fiber mruby-enumerator mruby-enum-lazy mruby-enum-chain
  mruby-set mruby-struct mruby-data mruby-pack mruby-sprintf mruby-time mruby-random mruby-errno
  mruby-math mruby-bigint mruby-rational mruby-complex mruby-cmath
].freeze

DEFINES = %w[
  MRB_UTF8_STRING
  MRB_WORDBOX_NO_FLOAT_TRUNCATE
  MRB_STR_LENGTH_MAX=0
  MRB_ARY_LENGTH_MAX=0
  MRB_IREP_LVAR_MERGE_LIMIT=240
].freeze
# MRB_UTF8_STRING: a String's length is in characters, as in Ruby.
# MRB_WORDBOX_NO_FLOAT_TRUNCATE: without it a Float loses its two lowest bits, and a float that goes
#   through Ruby would come back as another one.
# The two lengths: 0 is no limit (1 MB and 131,072 otherwise). The interpreter's memory limit bounds
#   both; what overflows mrb_int or size_t is still checked.

# MRB_IREP_LVAR_MERGE_LIMIT: the local variables that a session may have; 50 by default, 240 the most.

# Where it is not as others embed it. MRB_USE_DEBUG_HOOK: one pointer tested for each instruction, for
# preemption. MRB_DEBUG: mruby's assertions; one that fails ends the interpreter (driver/fault.c).
OURS = %w[MRB_USE_DEBUG_HOOK MRB_DEBUG].freeze
OPTIMIZED = %w[-O2 -g].freeze
SANITIZED = %w[-O1 -g -fPIC -fvisibility=hidden -fno-omit-frame-pointer].freeze

VARIANTS = {
  # what is shipped
  'default' => { flags: [*OPTIMIZED, '-fPIC', '-fvisibility=hidden'], defines: OURS },
  # mruby alone, as a program would embed it: what the benchmarks compare with
  'plain' => { flags: OPTIMIZED, defines: [] },
  'asan' => { flags: [*SANITIZED, '-fsanitize=address,undefined'], defines: OURS },
  # libFuzzer is clang's. What it does for each comparison takes more time than the garbage collector
  # itself, and leads it nowhere here.
  'fuzz' => { flags: [*SANITIZED, '-fsanitize=fuzzer-no-link,address,undefined',
                      '-fno-sanitize-coverage=trace-cmp'], defines: OURS, compiler: 'clang' },
  'tsan' => { flags: [*SANITIZED, '-fsanitize=thread'], defines: OURS },
  # a full garbage collection at every allocation: very slow
  'gcstress' => { flags: [*OPTIMIZED, '-fPIC', '-fvisibility=hidden'],
                  defines: [*OURS, 'MRB_GC_STRESS'] }
}.freeze

name = ENV.fetch('RUBEAM_VARIANT', 'default')
variant = VARIANTS.fetch(name) { abort "build_config.rb: no variant #{name} of mruby" }

# mrbc, which turns mruby's Ruby code into C. The variants share it.
MRuby::Build.new('host') do |conf|
  conf.toolchain
  conf.cc.flags = %w[-std=gnu99 -O1]
  conf.cc.defines += DEFINES
  conf.build_mrbc_exec
  conf.disable_libmruby
  conf.disable_presym
end

MRuby::CrossBuild.new(name) do |conf|
  conf.toolchain
  conf.cc.command = variant[:compiler] if variant[:compiler]
  conf.cc.flags = ['-std=gnu99', '-Wall', *variant[:flags], *ENV['CFLAGS']]
  conf.cc.defines += DEFINES + variant[:defines]
  # Another version (MRUBY_SRC) may lack one.
  GEMS.each { |gem| conf.gem core: gem if Dir.exist?("#{MRUBY_ROOT}/mrbgems/#{gem}") }
  # Last: what is ours takes the place of what is mruby's.
  conf.gem File.expand_path('../lib', __dir__) unless name == 'plain'
end

# Who includes the headers must see the same configuration (the layout of mrb_state depends on it):
# mruby.sh writes these into the mrbconf.h beside the library.
if (file = ENV['RUBEAM_DEFINES'])
  File.write(file, [*DEFINES, *variant[:defines]].map { |define| "#{define}\n" }.join)
end
