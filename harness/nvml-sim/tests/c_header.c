/* Uses the three functions as a program in C would; built and run by c_header.rs. */
#include "joulebench_emulator.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void wait_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

#define EXPECT(what, expected)                                                   \
    do {                                                                         \
        int answer = (what);                                                     \
        if (answer != (expected)) {                                              \
            printf("line %d: %s = %d, expected %d\n", __LINE__, #what, answer, expected); \
            return 1;                                                            \
        }                                                                        \
    } while (0)

int main(void) {
    double idle_mj = -1.0, busy_mj = -1.0, all_mj = -1.0, untouched = 42.0;
    uint64_t begin = now_ns();
    wait_ms(200);
    uint64_t loaded = now_ns();
    EXPECT(joulebench_load_begin(0, "gemm-bf16"), JOULEBENCH_OK);
    wait_ms(200);
    EXPECT(joulebench_load_end(0), JOULEBENCH_OK);
    uint64_t end = now_ns();

    EXPECT(joulebench_true_energy_mj(0, begin, loaded, &idle_mj), JOULEBENCH_OK);
    EXPECT(joulebench_true_energy_mj(0, loaded, end, &busy_mj), JOULEBENCH_OK);
    EXPECT(joulebench_true_energy_mj(0, begin, end, &all_mj), JOULEBENCH_OK);
    double idle_w = idle_mj / 1e3 / ((double)(loaded - begin) / 1e9);
    double busy_w = busy_mj / 1e3 / ((double)(end - loaded) / 1e9);
    printf("idle %.1f W, busy %.1f W\n", idle_w, busy_w);
    if (!(idle_w > 10.0 && idle_w < 150.0 && busy_w > 2.0 * idle_w)) {
        return 1;
    }
    if (fabs(idle_mj + busy_mj - all_mj) > 1e-6 * all_mj) {
        printf("%f + %f != %f mJ\n", idle_mj, busy_mj, all_mj);
        return 1;
    }
    EXPECT(joulebench_true_energy_mj(0, 0, 0, &all_mj), JOULEBENCH_OK);
    if (all_mj < idle_mj + busy_mj) {
        return 1;
    }

    EXPECT(joulebench_load_begin(0, "{\"cost\": {\"operations\": [0,1e12,0,0,0,0], \"dram_bytes\": 0,"
                                    "\"cache_bytes\": 0, \"kernels\": 1, \"host\": 0, \"toggle\": 1}}"),
           JOULEBENCH_OK);
    EXPECT(joulebench_load_end(0), JOULEBENCH_OK);
    EXPECT(joulebench_load_begin(0, "no-such-kernel"), JOULEBENCH_BAD_WORK);
    EXPECT(joulebench_load_begin(0, NULL), JOULEBENCH_NULL_POINTER);
    EXPECT(joulebench_load_begin(9, "copy"), JOULEBENCH_NO_SUCH_GPU);
    EXPECT(joulebench_load_end(9), JOULEBENCH_NO_SUCH_GPU);
    EXPECT(joulebench_true_energy_mj(0, end, begin, &untouched), JOULEBENCH_BAD_INTERVAL);
    EXPECT(joulebench_true_energy_mj(0, 1, end, &untouched), JOULEBENCH_BAD_INTERVAL);
    EXPECT(joulebench_true_energy_mj(0, begin, end + 3600000000000u, &untouched), JOULEBENCH_BAD_INTERVAL);
    EXPECT(joulebench_true_energy_mj(0, begin, end, NULL), JOULEBENCH_NULL_POINTER);
    return untouched == 42.0 ? 0 : 1;
}
