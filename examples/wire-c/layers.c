#include "layers.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef OFF_BY
#define OFF_BY 0 /* another number makes a wrong adapter, which the suite must notice */
#endif

enum { PADDING = -1, OVERRUN = -2 }; /* under a tap, where no sample is */

struct axis no_axis(void)
{
    struct axis axis = {1, 1, 1, 1, 0, 0, 1};
    return axis;
}

long long windows(const struct axis *axis, int ceil_mode)
{
    long long extent = axis->dilation * (axis->kernel - 1) + 1;
    long long room = axis->before + axis->size + axis->after - extent;
    long long count = room < 0 ? 0 : room / axis->stride + 1;
    long long overrun = count * axis->stride - room;
    int starts_inside = count * axis->stride < axis->before + axis->size;
    return count + (ceil_mode && overrun > 0 && overrun < axis->stride && starts_inside);
}

static long long product(const struct layer *layer, int of_kernel)
{
    long long all = 1;
    int a;
    for (a = 0; a < SPATIAL; a++)
        all *= of_kernel ? layer->axes[a].kernel : layer->axes[a].count;
    return all;
}

/* Say which sample of the input plane lies under each tap of a window. */
static void look_under(const struct layer *layer, long long window, long long *under)
{
    long long taps = product(layer, 1), tap;
    for (tap = 0; tap < taps; tap++) {
        long long left_tap = tap, left_window = window, step = 1, sample = 0;
        int a, padding = 0, overrun = 0;
        for (a = SPATIAL - 1; a >= 0; a--) {
            const struct axis *axis = &layer->axes[a];
            long long k = left_tap % axis->kernel, o = left_window % axis->count;
            long long i = o * axis->stride + k * axis->dilation - axis->before + OFF_BY;
            overrun |= i < -axis->before || i >= axis->size + axis->after;
            padding |= i < 0 || i >= axis->size;
            sample += i * step;
            step *= axis->size;
            left_tap /= axis->kernel;
            left_window /= axis->count;
        }
        under[tap] = overrun ? OVERRUN : padding ? PADDING : sample;
    }
}

static long long *room_for(long long taps)
{
    long long *under = malloc((size_t)taps * sizeof *under);
    if (!under)
        exit(1);
    return under;
}

static long long plane_of(const struct layer *layer)
{
    return layer->axes[0].size * layer->axes[1].size * layer->axes[2].size;
}

/* The loops, once for each type. PRODUCTS are summed modulo 2^64 where the elements are whole. */
#define NAME(op) op##_float32
#define ELEMENT float
#define PRODUCTS float
#define SAMPLES float
#define LOWEST (-INFINITY)
#define IS_NAN(sample) isnan(sample)
#define MEAN(total, count) ((total) / (float)(count))
#include "loops.h"

#define NAME(op) op##_float64
#define ELEMENT double
#define PRODUCTS double
#define SAMPLES double
#define LOWEST (-INFINITY)
#define IS_NAN(sample) isnan(sample)
#define MEAN(total, count) ((total) / (double)(count))
#include "loops.h"

#define NAME(op) op##_int32
#define ELEMENT int32_t
#define PRODUCTS uint64_t
#define SAMPLES int64_t
#define LOWEST INT32_MIN
#define IS_NAN(sample) 0
#define MEAN(total, count) ((count) ? (total) / (count) : 0)
#include "loops.h"

const struct type types[] = {
    {"float32", "F32", 4, conv_float32, max_pool_float32, avg_pool_float32},
    {"float64", "F64", 8, conv_float64, max_pool_float64, avg_pool_float64},
    {"int32", "I32", 4, conv_int32, max_pool_int32, avg_pool_int32},
    {NULL, NULL, 0, NULL, NULL, NULL},
};
