/* What Oniguruma's own configure would find out, as the compiler says it: for gcc and clang on Linux. */
#define SIZEOF_INT       __SIZEOF_INT__
#define SIZEOF_LONG      __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_VOIDP     __SIZEOF_POINTER__
#define HAVE_ALLOCA      1
#define HAVE_ALLOCA_H    1
#define HAVE_STDINT_H    1
#define HAVE_INTTYPES_H  1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H    1
