/* Convolution and pooling in plain loops, over one, two or three spatial axes. */
#ifndef LAYERS_H
#define LAYERS_H

#include "wire.h"

#define SPATIAL 3 /* axes; a layer of fewer has others of size 1 ahead of them */

struct axis {
    long long size, kernel, stride, dilation, before, after;
    long long count; /* windows */
};

struct layer {
    struct axis axes[SPATIAL];
    long long N, C, M, depth; /* batch, input channels, output channels, channels of a group */
    int count_include_pad;
};

/* An axis that its layer does not have. */
struct axis no_axis(void);

/* How many windows an axis has. */
long long windows(const struct axis *axis, int ceil_mode);

/* What computes an op for one type of elements. The arrays are x, w and bias, or NULL, and y. */
typedef void (*computes)(const struct layer *, const void *, const void *, const void *, void *);

struct type {
    const char *dtype, *code; /* as the project names it, and the format */
    size_t element;
    computes conv, max_pool, avg_pool;
};

extern const struct type types[]; /* the last has no dtype */

#endif
