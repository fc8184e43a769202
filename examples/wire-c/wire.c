#include "wire.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define LARGEST (1LL << 30) /* bytes, of a message */

static uint64_t length_in(const unsigned char *bytes)
{
    uint64_t length = 0;
    int i;
    for (i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    return length;
}

static void write_length(uint64_t length)
{
    int i;
    for (i = 0; i < 8; i++, length >>= 8)
        putchar((int)(length & 255));
}

static void give_up(const char *why)
{
    fprintf(stderr, "wire-c: %s\n", why); /* standard output belongs to the protocol */
    exit(1);
}

int receive(struct message *message)
{
    unsigned char prefix[8];
    uint64_t size, header;
    const char *text;
    if (fread(prefix, 1, 8, stdin) < 8)
        return 0;
    size = length_in(prefix);
    if (size < 8 || size > (uint64_t)LARGEST)
        give_up("the length of a message is none");
    message->bytes = malloc(size);
    if (!message->bytes || fread(message->bytes, 1, size, stdin) < size)
        give_up("a message is not there");
    header = length_in(message->bytes);
    if (header > size - 8)
        give_up("a header is longer than its message");
    message->header = (const char *)message->bytes + 8;
    message->data = message->bytes + 8 + header;
    text = json_find(json_find(message->header, "__metadata__"), "convformance");
    message->words = json_is_string(text) ? json_text(text) : NULL;
    if (!message->words)
        give_up("a message has no words");
    return 1;
}

void forget(struct message *message)
{
    free(message->bytes);
    free(message->words);
}

const void *array_named(const struct message *message, const char *name)
{
    long long offsets[2];
    const char *entry = json_find(message->header, name);
    if (json_numbers(json_find(entry, "data_offsets"), offsets, 2) < 2)
        return NULL;
    return message->data + offsets[0];
}

long long elements(const struct array *array)
{
    long long product = 1;
    int a;
    for (a = 0; a < array->axes; a++)
        if (array->shape[a] == 0)
            return 0;
    for (a = 0; a < array->axes; a++) {
        if (array->shape[a] > LARGEST / (long long)array->element / product)
            return -1;
        product *= array->shape[a];
    }
    return product;
}

void say(const char *words, const struct array *y, const void *data)
{
    size_t bytes = y ? (size_t)elements(y) * y->element : 0;
    char *header = malloc(2 * strlen(words) + 512), *to = header;
    int a;
    if (!header)
        give_up("no memory");
    to += sprintf(to, "{\"__metadata__\":{\"convformance\":\"");
    for (; *words; words++) { /* JSON as a text within JSON */
        if (*words == '"' || *words == '\\')
            *to++ = '\\';
        *to++ = *words;
    }
    to += sprintf(to, "\"}");
    if (y) {
        to += sprintf(to, ",\"y\":{\"dtype\":\"%s\",\"shape\":[", y->dtype);
        for (a = 0; a < y->axes; a++)
            to += sprintf(to, "%s%lld", a ? "," : "", y->shape[a]);
        to += sprintf(to, "],\"data_offsets\":[0,%llu]}", (unsigned long long)bytes);
    }
    *to++ = '}';
    write_length(8 + (uint64_t)(to - header) + bytes);
    write_length((uint64_t)(to - header));
    fwrite(header, 1, (size_t)(to - header), stdout);
    if (bytes)
        fwrite(data, 1, bytes, stdout);
    fflush(stdout);
    free(header);
}
