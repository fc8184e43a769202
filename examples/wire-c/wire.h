/* The wire protocol: frames and safetensors blobs. docs/protocol.md describes both. */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>

#define MOST_AXES 8

struct message {
    unsigned char *bytes;
    const char *header; /* JSON: where each array lies */
    const unsigned char *data;
    char *words; /* JSON: what is said */
};

struct array {
    const char *dtype; /* as the format names it, such as "F32" */
    size_t element;    /* bytes */
    int axes;
    long long shape[MOST_AXES];
};

/* Read a message; 0 at the end of the input. */
int receive(struct message *message);
void forget(struct message *message);

/* Where the bytes of an array lie, NULL if there is none of that name. They are aligned. */
const void *array_named(const struct message *message, const char *name);

/* How many elements an array has; -1 where they are more than memory could hold. */
long long elements(const struct array *array);

/* Write a message, with the array y if there is one. */
void say(const char *words, const struct array *y, const void *data);

#endif
