/*
 * joulebench_emulator.h -- give the emulated GPU something to do, and ask what it truly took.
 *
 * The three functions are in the emulated libnvidia-ml.so.1, beside those of NVML. A program that
 * also has to run with the real library looks them up and goes without them where they are absent:
 *
 *     void *lib = dlopen("libnvidia-ml.so.1", RTLD_NOW);
 *     int (*load_begin)(unsigned int, const char *) = dlsym(lib, "joulebench_load_begin");
 *
 * They need no nvmlInit. They act on the machine that the environment variable JOULEBENCH_EMULATOR
 * names, which `joulebench emulate -- COMMAND` sets. All may be called from any thread.
 *
 * Everything that comes out of this library is emulated. Nothing of it is a measurement.
 */
#ifndef JOULEBENCH_EMULATOR_H
#define JOULEBENCH_EMULATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions return. */
enum joulebench_answer {
    JOULEBENCH_OK = 0,
    JOULEBENCH_NO_EMULATOR = 1,  /* JOULEBENCH_EMULATOR is not set */
    JOULEBENCH_NO_SUCH_GPU = 2,  /* the machine has fewer GPUs */
    JOULEBENCH_BAD_WORK = 3,     /* no kernel of that name, or the JSON describes no work */
    JOULEBENCH_BAD_INTERVAL = 4, /* before the machine was made, in the future, or reversed */
    JOULEBENCH_NULL_POINTER = 5, /* a pointer argument is null */
    JOULEBENCH_STATE = 6         /* the state file is missing, damaged or full */
};

/*
 * From now on GPU `gpu` (index, from 0) does this work, again and again, until
 * joulebench_load_end or another load. The calling process holds a context on the GPU meanwhile,
 * and its load ends when it dies.
 *
 * `work` is a string that ends with a zero byte (UTF-8):
 *   a kernel:            "gemm-bf16"; docs/emulator.md lists them
 *   nothing but the context: "idle"
 *   a phase of a model:  {"model": "llama-7b", "precision": "bf16", "batch": 8,
 *                         "prompt_tokens": 512, "decode_tokens": 128, "phase": "decode"}
 *   counts:              {"cost": {"operations": [fp64, fp32, tf32, fp16, fp8, int8],
 *                         "dram_bytes": 1e9, "cache_bytes": 1e9, "kernels": 1, "host": 0,
 *                         "toggle": 1}}  (host in seconds, toggle 0 to 1)
 */
int joulebench_load_begin(unsigned int gpu, const char *work);

/* The load of the calling process on the GPU ends, and its context is closed. */
int joulebench_load_end(unsigned int gpu);

/*
 * Writes to `out` the energy that the GPU truly took between two moments, in millijoules: the exact
 * integral of the emulated power, before any sensor. Moments are nanoseconds on CLOCK_MONOTONIC
 * (clock_gettime in C, time.monotonic_ns() in Python). from_ns = 0 stands for the begin of the
 * machine, to_ns = 0 for now. On any other answer than JOULEBENCH_OK nothing is written.
 */
int joulebench_true_energy_mj(unsigned int gpu, uint64_t from_ns, uint64_t to_ns, double *out);

#ifdef __cplusplus
}
#endif

#endif
