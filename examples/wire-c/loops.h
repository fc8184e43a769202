/* Included by layers.c once for each type of elements: see there what the capitals stand for. */

static void NAME(conv)(const struct layer *layer, const void *given_x, const void *given_w,
                       const void *given_bias, void *given_y)
{
    const ELEMENT *x = given_x, *w = given_w, *bias = given_bias;
    ELEMENT *y = given_y;
    long long taps = product(layer, 1), outputs = product(layer, 0), plane = plane_of(layer);
    long long groups = layer->depth ? layer->C / layer->depth : 1;
    long long each = layer->M / groups, n, m, o, c, k, *under = room_for(taps);
    for (o = 0; o < outputs; o++) {
        look_under(layer, o, under);
        for (n = 0; n < layer->N; n++)
            for (m = 0; m < layer->M; m++) {
                PRODUCTS sum = bias ? (PRODUCTS)bias[m] : 0;
                for (c = 0; c < layer->depth; c++) {
                    const ELEMENT *from =
                        x + (n * layer->C + m / each * layer->depth + c) * plane;
                    const ELEMENT *by = w + (m * layer->depth + c) * taps;
                    for (k = 0; k < taps; k++) /* padding reads as zero, and is multiplied too */
                        sum += (under[k] < 0 ? 0 : (PRODUCTS)from[under[k]]) * (PRODUCTS)by[k];
                }
                y[(n * layer->M + m) * outputs + o] = (ELEMENT)sum;
            }
    }
    free(under);
}

static void NAME(max_pool)(const struct layer *layer, const void *given_x, const void *no_w,
                           const void *no_bias, void *given_y)
{
    const ELEMENT *x = given_x;
    ELEMENT *y = given_y;
    long long taps = product(layer, 1), outputs = product(layer, 0), plane = plane_of(layer);
    long long n, o, k, *under = room_for(taps);
    (void)no_w, (void)no_bias;
    for (o = 0; o < outputs; o++) {
        look_under(layer, o, under);
        for (n = 0; n < layer->N * layer->C; n++) {
            ELEMENT most = LOWEST;
            for (k = 0; k < taps; k++) {
                ELEMENT sample = under[k] < 0 ? LOWEST : x[n * plane + under[k]];
                if (sample > most || IS_NAN(sample)) /* and no number is above it */
                    most = sample;
            }
            y[n * outputs + o] = most;
        }
    }
    free(under);
}

static void NAME(avg_pool)(const struct layer *layer, const void *given_x, const void *no_w,
                           const void *no_bias, void *given_y)
{
    const ELEMENT *x = given_x;
    ELEMENT *y = given_y;
    long long taps = product(layer, 1), outputs = product(layer, 0), plane = plane_of(layer);
    long long n, o, k, *under = room_for(taps);
    (void)no_w, (void)no_bias;
    for (o = 0; o < outputs; o++) {
        look_under(layer, o, under);
        for (n = 0; n < layer->N * layer->C; n++) {
            SAMPLES total = 0;
            long long count = 0;
            for (k = 0; k < taps; k++) {
                if (under[k] >= 0)
                    total += x[n * plane + under[k]];
                count += under[k] >= 0 || (under[k] == PADDING && layer->count_include_pad);
            }
            y[n * outputs + o] = (ELEMENT)MEAN(total, count);
        }
    }
    free(under);
}

#undef NAME
#undef ELEMENT
#undef PRODUCTS
#undef SAMPLES
#undef LOWEST
#undef IS_NAN
#undef MEAN
