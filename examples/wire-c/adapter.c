/* An adapter in plain C: it reads problems, says what it cannot, refuses what is none, computes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "layers.h"
#include "wire.h"

#define HELLO                                                                                    \
    "{\"kind\":\"hello\",\"protocol\":1,\"name\":\"wire-c\",\"version\":\"1.0\","               \
    "\"capabilities\":{\"dtypes\":[\"float32\",\"float64\",\"int32\"]}}"

/* Return why the problem cannot be said here, NULL where it can. */
static const char *unsupported(const char *problem)
{
    const char *op = json_find(problem, "op"), *padding = json_find(problem, "padding");
    long long x[MOST_AXES];
    if (!json_is(op, "conv") && !json_is(op, "max_pool") && !json_is(op, "avg_pool"))
        return "there is conv, max_pool and avg_pool";
    if (json_numbers(json_find(problem, "x"), x, MOST_AXES) > SPATIAL + 2)
        return "at most three spatial axes";
    if (json_is_string(padding) && !json_is(padding, "valid"))
        return "padding is given in numbers";
    if (json_is_true(json_find(problem, "indices")))
        return "max_pool gives no indices";
    return NULL;
}

/* Read numbers that must be one, or two, for each spatial axis; 0 where they are not. */
static int read_axes(const char *problem, const char *name, long long *numbers, int due)
{
    return json_numbers(json_find(problem, name), numbers, 2 * MOST_AXES) == due;
}

/* Fill the layer's axes; return why they are none, NULL where they are right. */
static const char *read_windows(struct layer *layer, const char *problem, int rank)
{
    long long x[MOST_AXES], kernel[2 * MOST_AXES], stride[2 * MOST_AXES], dilation[2 * MOST_AXES];
    long long padding[2 * MOST_AXES] = {0};
    const char *padded = json_find(problem, "padding");
    int a;
    json_numbers(json_find(problem, "x"), x, MOST_AXES);
    if (!read_axes(problem, "kernel_size", kernel, rank))
        return "kernel size: not one for each spatial axis";
    if (!read_axes(problem, "stride", stride, rank))
        return "stride: not one for each spatial axis";
    if (!read_axes(problem, "dilation", dilation, rank))
        return "dilation: not one for each spatial axis";
    if (!json_is_string(padded) && !read_axes(problem, "padding", padding, 2 * rank))
        return "padding: not one pair for each spatial axis";
    for (a = 0; a < SPATIAL - rank; a++)
        layer->axes[a] = no_axis();
    for (a = 0; a < rank; a++) {
        struct axis axis = {x[a + 2], kernel[a], stride[a], dilation[a],
                            padding[2 * a], padding[2 * a + 1], 0};
        if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1)
            return "kernel size, stride and dilation are at least 1";
        axis.count = windows(&axis, json_is_true(json_find(problem, "ceil_mode")));
        layer->axes[SPATIAL - rank + a] = axis;
    }
    return NULL;
}

/* Fill the layer; return why the problem is none, NULL where it is right. */
static const char *read_layer(struct layer *layer, const char *problem)
{
    long long x[MOST_AXES], w[MOST_AXES], groups = 1;
    int axes = json_numbers(json_find(problem, "x"), x, MOST_AXES);
    if (axes < 3)
        return "the input has no spatial axis";
    layer->N = x[0];
    layer->C = layer->M = layer->depth = x[1];
    layer->count_include_pad = json_is_true(json_find(problem, "count_include_pad"));
    if (json_is(json_find(problem, "op"), "conv")) {
        if (json_numbers(json_find(problem, "w"), w, MOST_AXES) != axes)
            return "the weight has not the axes of the input";
        json_numbers(json_find(problem, "groups"), &groups, 1);
        if (groups < 1 || layer->C % groups || w[0] % groups)
            return "the groups do not divide the channels";
        if (w[1] != layer->C / groups)
            return "the weight does not read the channels of a group";
        layer->M = w[0];
        layer->depth = w[1];
    }
    return read_windows(layer, problem, axes - 2);
}

static void decline(const char *kind, long long id, const char *name, const char *why)
{
    char words[300];
    snprintf(words, sizeof words, "{\"kind\":\"%s\",\"id\":%lld,\"%s\":\"%s\"}", kind, id, name, why);
    say(words, NULL, NULL);
}

static void compute(const struct message *message, const struct layer *layer, const char *problem,
                    long long id)
{
    const struct type *type = types;
    const char *op = json_find(problem, "op");
    struct array y = {NULL, 0, 0, {0}};
    char words[100];
    void *data;
    int a, rank;
    while (type->dtype && !json_is(json_find(problem, "dtype"), type->dtype))
        type++;
    if (!type->dtype) { /* hello does not name it */
        decline("unsupported", id, "reason", "there is float32, float64 and int32");
        return;
    }
    rank = json_numbers(json_find(problem, "x"), y.shape, MOST_AXES) - 2;
    y.dtype = type->code;
    y.element = type->element;
    y.axes = rank + 2;
    y.shape[1] = layer->M;
    for (a = 0; a < rank; a++)
        y.shape[a + 2] = layer->axes[SPATIAL - rank + a].count;
    data = elements(&y) < 0 ? NULL : malloc((size_t)elements(&y) * y.element + 1);
    if (!data) {
        decline("refusal", id, "message", "there is no memory for the output");
        return;
    }
    if (elements(&y) > 0)
        (json_is(op, "conv") ? type->conv : json_is(op, "max_pool") ? type->max_pool : type->avg_pool)(
            layer, array_named(message, "x"), array_named(message, "w"),
            array_named(message, "bias"), data);
    snprintf(words, sizeof words, "{\"kind\":\"result\",\"id\":%lld,\"how\":\"plain loops\"}", id);
    say(words, &y, data);
    free(data);
}

static void answer(const struct message *message)
{
    const char *problem = json_find(message->words, "problem"), *why;
    struct layer layer;
    long long id = 0;
    json_numbers(json_find(message->words, "id"), &id, 1);
    if ((why = unsupported(problem)))
        decline("unsupported", id, "reason", why);
    else if ((why = read_layer(&layer, problem)))
        decline("refusal", id, "message", why);
    else
        compute(message, &layer, problem, id);
}

int main(void)
{
    struct message message;
    int goes_on = 1;
    while (goes_on && receive(&message)) {
        const char *kind = json_find(message.words, "kind");
        if (json_is(kind, "hello"))
            say(HELLO, NULL, NULL);
        else if (json_is(kind, "problem"))
            answer(&message);
        else
            goes_on = 0;
        forget(&message);
    }
    return 0;
}
